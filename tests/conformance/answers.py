"""Small true-shaped answers for tests that need no recorded folder."""

from __future__ import annotations

import json

TICKERS = json.dumps(
    {
        "fields": ["cik", "name", "ticker", "exchange"],
        "data": [
            [1045810, "NVIDIA CORP", "NVDA", "Nasdaq"],
            [320193, "Apple Inc.", "AAPL", "Nasdaq"],
            [1067983, "BERKSHIRE HATHAWAY INC", "BRK-B", "NYSE"],
            [1067983, "BERKSHIRE HATHAWAY INC", "BRK-A", "NYSE"],
            [37996, "FORD MOTOR CO", "F", None],
        ],
    }
).encode()
CONSTITUENTS = (
    b"Symbol,Security,GICS Sector,GICS Sub-Industry,Headquarters Location,Date added,CIK,Founded\n"
    b'AAPL,Apple Inc.,Information Technology,"Technology Hardware, Storage & Peripherals",'
    b'"Cupertino, California",1982-11-30,320193,1977\n'
    b"BRK.B,Berkshire Hathaway,Financials,Multi-Sector Holdings,"
    b'"Omaha, Nebraska",2010-02-16,1067983,1839\n'
)
LISTING = json.dumps(
    {
        "directory": {
            "item": [
                {
                    "last-modified": "07/09/2026 10:02:11 PM",
                    "name": "master.20260709.idx",
                    "type": "file",
                    "href": "master.20260709.idx",
                    "size": "812 KB",
                },
                {
                    "last-modified": "07/09/2026 10:02:12 PM",
                    "name": "company.20260709.idx",
                    "type": "file",
                    "href": "company.20260709.idx",
                    "size": "865 KB",
                },
            ],
            "name": "daily-index/2026/QTR3/",
            "parent-dir": "../",
        }
    }
).encode()
SUBMISSIONS = json.dumps(
    {
        "cik": "0000320193",
        "entityType": "operating",
        "sic": "3571",
        "sicDescription": "Electronic Computers",
        "name": "Apple Inc.",
        "ein": "942404110",
        "lei": None,
        "website": "",
        "category": "Large accelerated filer",
        "fiscalYearEnd": "0926",
        "stateOfIncorporation": "CA",
        "formerNames": [
            {
                "name": "APPLE COMPUTER INC",
                "from": "1994-01-26T00:00:00.000Z",
                "to": "2007-01-04T00:00:00.000Z",
            }
        ],
        "filings": {"recent": {"accessionNumber": []}, "files": []},
    }
).encode()
INDEX_HEAD = (
    "Description:           XBRL Index of EDGAR Dissemination Feed\n"
    "Last Data Received:    {received}\n"
    "Comments:              webmaster@sec.gov\n"
    "Anonymous FTP:         ftp://ftp.sec.gov/edgar/\n \n"
    "CIK|Company Name|Form Type|Date Filed|Filename\n" + "-" * 80 + "\n"
)


def index(received: str, *lines: str) -> bytes:
    """An index of EDGAR with these lines."""
    return (INDEX_HEAD.format(received=received) + "".join(line + "\n" for line in lines)).encode()
