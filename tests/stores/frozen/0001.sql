BEGIN TRANSACTION;
CREATE TABLE codes (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
);
INSERT INTO "codes" VALUES(1,'Revenues');
INSERT INTO "codes" VALUES(2,'USD');
CREATE TABLE holdings (
  dataset TEXT NOT NULL,
  key TEXT NOT NULL,
  extent TEXT NOT NULL,
  span_from TEXT,
  span_to TEXT,
  outcome TEXT NOT NULL,
  checked_at TEXT NOT NULL,
  source TEXT NOT NULL,
  version TEXT NOT NULL,
  strikes INTEGER NOT NULL,
  not_before TEXT,
  size INTEGER,
  mark TEXT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (dataset, key, extent)
) WITHOUT ROWID;
INSERT INTO "holdings" VALUES('facts','0000320193','','2024-01-01','2024-03-31','pending','2024-02-03T01:30:00.000Z','sec','',0,NULL,12,'m','');
CREATE TABLE papers (
  paper_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  day TEXT NOT NULL,
  title TEXT,
  size INTEGER,
  ratio REAL,
  sound INTEGER NOT NULL,
  number TEXT,
  absent_at TEXT,
  PRIMARY KEY (paper_id, kind, day)
) WITHOUT ROWID;
CREATE TABLE readings_coded (
  station INTEGER NOT NULL,
  tag INTEGER NOT NULL,
  scale INTEGER NOT NULL,
  start INTEGER NOT NULL,
  number INTEGER NOT NULL,
  value REAL NOT NULL,
  taken_at INTEGER,
  sound INTEGER,
  note TEXT,
  absent_on INTEGER,
  PRIMARY KEY (station, tag, scale, start, number)
) WITHOUT ROWID;
INSERT INTO "readings_coded" VALUES(1,1,0,-719163,-1,-2.0,NULL,NULL,NULL,19755);
INSERT INTO "readings_coded" VALUES(1,1,2,19358,32019324000081,1.5,1706923800,1,'Ärger',NULL);
CREATE TABLE schema_versions (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at TEXT NOT NULL
);
INSERT INTO "schema_versions" VALUES(1,'0001_first.sql','2024-02-03T01:30:00Z');
CREATE TABLE store_state (
  name TEXT PRIMARY KEY,
  value
) WITHOUT ROWID;
INSERT INTO "store_state" VALUES('fingerprint','7be1de3d53ad591d');
INSERT INTO "store_state" VALUES('seq',3);
CREATE TABLE sync_items (
  job_id TEXT NOT NULL REFERENCES sync_jobs (id),
  position INTEGER NOT NULL,
  step INTEGER NOT NULL,
  dataset TEXT NOT NULL,
  key TEXT NOT NULL,
  label TEXT NOT NULL,
  state TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  feed TEXT NOT NULL,
  requests INTEGER NOT NULL,
  fetched INTEGER NOT NULL,
  stored INTEGER NOT NULL,
  error_kind TEXT,
  error TEXT,
  started_at TEXT,
  finished_at TEXT,
  seq INTEGER NOT NULL,
  PRIMARY KEY (job_id, position)
) WITHOUT ROWID;
INSERT INTO "sync_items" VALUES('018d6c00-0000-7000-8000-000000000001',0,0,'facts','0000000000','C0','done',0,'',0,0,0,NULL,NULL,NULL,NULL,3);
INSERT INTO "sync_items" VALUES('018d6c00-0000-7000-8000-000000000001',1,0,'facts','0000000001','C1','due',0,'',0,0,0,NULL,NULL,NULL,NULL,2);
CREATE TABLE sync_jobs (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  state TEXT NOT NULL,
  wish TEXT NOT NULL,
  owner_host TEXT NOT NULL,
  owner_pid INTEGER NOT NULL,
  owner_started INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  heartbeat_at TEXT NOT NULL,
  finished_at TEXT,
  parent TEXT,
  digest TEXT NOT NULL,
  plan BLOB NOT NULL,
  total INTEGER NOT NULL,
  done INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  note TEXT NOT NULL
);
INSERT INTO "sync_jobs" VALUES('018d6c00-0000-7000-8000-000000000001','refresh','financials','running','run','here',4242,7,'2024-02-03T01:30:00.000Z','2024-02-03T01:30:00.000Z',NULL,NULL,'d',X'789CAB562A2E492D2856B28A8EAD05001C9C045E',3,0,0,'');
CREATE TABLE table_fingerprints (
  name TEXT PRIMARY KEY,
  declaration TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "table_fingerprints" VALUES('papers','{"columns": [["paper_id", "integer", false], ["kind", "text", true], ["day", "date", true], ["title", "text", true], ["size", "integer", true], ["ratio", "real", true], ["sound", "boolean", false], ["number", "accession", true], ["absent_at", "instant", true]], "compact": false, "key": ["paper_id", "kind", "day"]}');
INSERT INTO "table_fingerprints" VALUES('readings','{"columns": [["station", "integer", false], ["tag", "coded", false], ["scale", "coded", true], ["start", "date", true], ["number", "accession", true], ["value", "real", false], ["taken_at", "instant", true], ["sound", "boolean", true], ["note", "text", true], ["absent_on", "date", true]], "compact": true, "key": ["station", "tag", "scale", "start", "number"]}');
CREATE INDEX sync_jobs_by_state ON sync_jobs (state);
CREATE VIEW readings AS SELECT
  t.station AS station,
  c1.text AS tag,
  c2.text AS scale,
  date(NULLIF(t.start, -719163) * 86400, 'unixepoch') AS start,
  CASE WHEN NULLIF(t.number, -1) IS NOT NULL THEN printf('%010d-%02d-%06d', NULLIF(t.number, -1) / 100000000, NULLIF(t.number, -1) / 1000000 % 100, NULLIF(t.number, -1) % 1000000) END AS number,
  t.value AS value,
  strftime('%Y-%m-%dT%H:%M:%SZ', t.taken_at, 'unixepoch') AS taken_at,
  t.sound AS sound,
  t.note AS note,
  date(t.absent_on * 86400, 'unixepoch') AS absent_on
  FROM readings_coded AS t
  LEFT JOIN codes AS c1 ON c1.id = t.tag
  LEFT JOIN codes AS c2 ON c2.id = t.scale;
CREATE INDEX papers_by_title ON papers (title);
COMMIT;
