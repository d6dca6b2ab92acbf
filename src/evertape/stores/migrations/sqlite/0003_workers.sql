-- How the processes of a running job are doing, for `status --watch` from another process.
CREATE TABLE sync_workers (
  job_id TEXT NOT NULL REFERENCES sync_jobs (id),
  worker INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  done INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  current TEXT NOT NULL,
  busy REAL NOT NULL,
  disk REAL NOT NULL,
  queue REAL NOT NULL,
  since REAL NOT NULL,
  at TEXT NOT NULL,
  PRIMARY KEY (job_id, worker)
) WITHOUT ROWID;
