"""The bodies with which the SEC refuses or misses something."""

from __future__ import annotations

import hashlib

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta http-equiv="content-type" content="text/html; charset=utf-8">
<title>SEC.gov | {title}</title>
</head>
<body>
<div id="main-content">
<h1>{heading}</h1>
{text}
<p>Reference ID: 0.sandbox.{reference}</p>
</div>
</body>
</html>
"""

_THRESHOLD = """<p>Your request rate has exceeded the SEC's maximum allowable requests per second. Your
access to SEC.gov will be limited for 10 minutes.</p>
<p>Current guidelines limit each user to a total of no more than 10 requests per second, regardless of the
number of machines used to submit requests. Once the rate of requests has dropped below the threshold for 10
minutes, the user may resume accessing content on SEC.gov.</p>
<p>This page comes from a sandbox, not from the SEC.</p>"""

_UNDECLARED = """<p>To allow for equitable access to all users, SEC reserves the right to limit requests
originating from undeclared automated tools. Your request has been identified as part of a network of
automated tools outside of the acceptable policy and will be managed until action is taken to declare your
traffic.</p>
<p>Please declare your traffic by updating your user agent to include company specific information.</p>
<p>This page comes from a sandbox, not from the SEC.</p>"""

_DOWN = """<p>The file you have requested is temporarily unavailable. Please try again later.</p>
<p>This page comes from a sandbox, not from the SEC.</p>"""


def _token(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest().upper()[:length]


def _html(title: str, heading: str, text: str, path: str) -> bytes:
    return _PAGE.format(title=title, heading=heading, text=text, reference=_token(path, 16).lower()).encode()


def threshold(path: str) -> bytes:
    """The page of a 403 for too many requests."""
    return _html("Request Rate Threshold Exceeded", "Request Rate Threshold Exceeded", _THRESHOLD, path)


def undeclared(path: str) -> bytes:
    """The page of a 403 for a User-Agent without an identity."""
    heading = "Your Request Originates from an Undeclared Automated Tool"
    return _html(heading, heading, _UNDECLARED, path)


def unavailable(path: str) -> bytes:
    """The page of a 503."""
    return _html("File Unavailable", "File Unavailable", _DOWN, path)


def access_denied(path: str) -> bytes:
    """The 243 bytes of a 403 for a path under /Archives that does not exist."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<Error><Code>AccessDenied</Code><Message>Access Denied</Message>"
        f"<RequestId>{_token(path, 16)}</RequestId><HostId>{_token(path, 38) * 2}</HostId></Error>"
    ).encode()


def no_such_key(path: str) -> bytes:
    """The body of a 404 of data.sec.gov. `path` is the key, without the leading slash."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
        f"<Key>{path}</Key><RequestId>{_token(path, 16)}</RequestId>"
        f"<HostId>{_token(path, 38) * 2}</HostId></Error>"
    ).encode()
