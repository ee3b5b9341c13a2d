-- The table of @scs/pgstore, and of Go's scs (pgxstore, postgresstore). createTable() makes the same.
CREATE TABLE IF NOT EXISTS sessions (
  token TEXT PRIMARY KEY,
  data BYTEA NOT NULL,
  expiry TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 70); -- room in each page for the next versions of its rows: sessions are written over and over

CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions (expiry);
