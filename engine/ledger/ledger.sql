-- The ledger's database. Each block is one statement (or the schema), found by its name.

-- name: schema
-- Rows are only ever added: triggers refuse the rest, so that a bug in this process can't rewrite what was acknowledged.
BEGIN IMMEDIATE;

-- One event a row. `bytes` is the envelope as it was hashed; seq, type and run repeat its beginning for look-ups.
CREATE TABLE IF NOT EXISTS events (
    seq   INTEGER PRIMARY KEY,
    type  TEXT NOT NULL,
    run   TEXT NOT NULL,
    bytes BLOB NOT NULL,
    hash  BLOB NOT NULL
);

-- Sealed values by the SHA-256 of their sealed bytes; `sealed` is null when a file in blobs/ holds them.
CREATE TABLE IF NOT EXISTS sealed_values (
    id      BLOB PRIMARY KEY,
    subject TEXT NOT NULL,
    sealed  BLOB
);

-- Plain contents by the SHA-256 of their bytes: plans and the files of git they use.
CREATE TABLE IF NOT EXISTS contents (
    sha   BLOB PRIMARY KEY,
    bytes BLOB NOT NULL
);

-- What other processes ask of the owner. The only table a process without ownership writes.
CREATE TABLE IF NOT EXISTS requests (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    sealed  BLOB NOT NULL
);

-- The owner's answers: the primary key is what decides a request once.
CREATE TABLE IF NOT EXISTS answers (
    request TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    sealed  BLOB NOT NULL
);

-- Every ownership there was; the greatest epoch is the present one.
CREATE TABLE IF NOT EXISTS epochs (
    epoch INTEGER PRIMARY KEY,
    host  TEXT NOT NULL,
    pid   INTEGER NOT NULL
);

-- Subjects whose key was destroyed, applied again at every open: a key backup may bring a key back.
CREATE TABLE IF NOT EXISTS erasures (
    subject TEXT PRIMARY KEY
);

-- Which key store the sealed rows were written with.
CREATE TABLE IF NOT EXISTS keyring (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    fingerprint BLOB NOT NULL
);

CREATE TRIGGER IF NOT EXISTS events_no_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
CREATE TRIGGER IF NOT EXISTS sealed_values_no_update BEFORE UPDATE ON sealed_values
BEGIN SELECT RAISE(ABORT, 'values are append-only'); END;
CREATE TRIGGER IF NOT EXISTS sealed_values_no_delete BEFORE DELETE ON sealed_values
BEGIN SELECT RAISE(ABORT, 'values are append-only'); END;
CREATE TRIGGER IF NOT EXISTS contents_no_update BEFORE UPDATE ON contents
BEGIN SELECT RAISE(ABORT, 'contents are append-only'); END;
CREATE TRIGGER IF NOT EXISTS contents_no_delete BEFORE DELETE ON contents
BEGIN SELECT RAISE(ABORT, 'contents are append-only'); END;
CREATE TRIGGER IF NOT EXISTS requests_no_update BEFORE UPDATE ON requests
BEGIN SELECT RAISE(ABORT, 'requests are append-only'); END;
CREATE TRIGGER IF NOT EXISTS requests_no_delete BEFORE DELETE ON requests
BEGIN SELECT RAISE(ABORT, 'requests are append-only'); END;
CREATE TRIGGER IF NOT EXISTS answers_no_update BEFORE UPDATE ON answers
BEGIN SELECT RAISE(ABORT, 'answers are append-only'); END;
CREATE TRIGGER IF NOT EXISTS answers_no_delete BEFORE DELETE ON answers
BEGIN SELECT RAISE(ABORT, 'answers are append-only'); END;
CREATE TRIGGER IF NOT EXISTS epochs_no_update BEFORE UPDATE ON epochs
BEGIN SELECT RAISE(ABORT, 'epochs are append-only'); END;
CREATE TRIGGER IF NOT EXISTS epochs_no_delete BEFORE DELETE ON epochs
BEGIN SELECT RAISE(ABORT, 'epochs are append-only'); END;
CREATE TRIGGER IF NOT EXISTS erasures_no_update BEFORE UPDATE ON erasures
BEGIN SELECT RAISE(ABORT, 'erasures are append-only'); END;
CREATE TRIGGER IF NOT EXISTS erasures_no_delete BEFORE DELETE ON erasures
BEGIN SELECT RAISE(ABORT, 'erasures are append-only'); END;
CREATE TRIGGER IF NOT EXISTS keyring_no_update BEFORE UPDATE ON keyring
BEGIN SELECT RAISE(ABORT, 'the key store of a ledger never changes'); END;
CREATE TRIGGER IF NOT EXISTS keyring_no_delete BEFORE DELETE ON keyring
BEGIN SELECT RAISE(ABORT, 'the key store of a ledger never changes'); END;

PRAGMA user_version = 1;
COMMIT;

-- name: add_event
INSERT INTO events (seq, type, run, bytes, hash) VALUES (?, ?, ?, ?, ?)

-- name: page_of_events
-- A page at a time: no statement stays open over an append.
SELECT seq, type, run, bytes, hash FROM events WHERE seq > ? ORDER BY seq LIMIT ?

-- name: hash_at
SELECT hash FROM events WHERE seq = ?

-- name: last_event
SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1

-- name: add_value
-- Sealing is deterministic: the same value of the same subject is the same row.
INSERT OR IGNORE INTO sealed_values (id, subject, sealed) VALUES (?, ?, ?)

-- name: value
SELECT subject, sealed FROM sealed_values WHERE id = ?

-- name: last_value
SELECT coalesce(max(rowid), 0) FROM sealed_values

-- name: value_at
SELECT id, subject FROM sealed_values WHERE rowid = ?

-- name: subjects_of_values
SELECT DISTINCT subject FROM sealed_values

-- name: add_content
INSERT OR IGNORE INTO contents (sha, bytes) VALUES (?, ?)

-- name: content
SELECT bytes FROM contents WHERE sha = ?

-- name: has_content
SELECT 1 FROM contents WHERE sha = ?

-- name: all_contents
SELECT sha, bytes FROM contents

-- name: add_request
-- Asking twice with one id asks once; the first bytes count.
INSERT OR IGNORE INTO requests (id, subject, sealed) VALUES (?, ?, ?)

-- name: pending_requests
-- Everything at or below the first number is known to be answered.
SELECT n, id, subject, sealed FROM requests
WHERE n > ? AND NOT EXISTS (SELECT 1 FROM answers WHERE answers.request = requests.id)
ORDER BY n

-- name: last_request
SELECT coalesce(max(n), 0) FROM requests

-- name: subject_of_request
SELECT subject FROM requests WHERE id = ?

-- name: add_answer
INSERT INTO answers (request, subject, sealed) VALUES (?, ?, ?)

-- name: answer
SELECT subject, sealed FROM answers WHERE request = ?

-- name: epoch
SELECT coalesce(max(epoch), 0) FROM epochs

-- name: add_epoch
INSERT INTO epochs (epoch, host, pid) VALUES ((SELECT coalesce(max(epoch), 0) + 1 FROM epochs), ?, ?)

-- name: erased_subjects
SELECT subject FROM erasures

-- name: add_erasure
INSERT OR IGNORE INTO erasures (subject) VALUES (?)

-- name: fingerprint
SELECT fingerprint FROM keyring WHERE one = 1

-- name: add_fingerprint
INSERT OR IGNORE INTO keyring (one, fingerprint) VALUES (1, ?)
