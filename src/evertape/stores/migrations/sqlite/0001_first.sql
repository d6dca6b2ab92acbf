-- Tables that are not records: what the store knows of itself, coverage, texts, jobs.
CREATE TABLE schema_versions (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at TEXT NOT NULL
);

CREATE TABLE store_state (
  name TEXT PRIMARY KEY,
  value
) WITHOUT ROWID;

INSERT INTO store_state (name, value) VALUES ('seq', 0);

CREATE TABLE table_fingerprints (
  name TEXT PRIMARY KEY,
  declaration TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE codes (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
);

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

CREATE INDEX sync_jobs_by_state ON sync_jobs (state);

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
