-- The key store: kept and backed up apart from the ledger, because erasing a person means destroying a row here.

-- name: schema
BEGIN IMMEDIATE;

-- 32 random bytes from which the workspace's own keys are derived.
CREATE TABLE IF NOT EXISTS root (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    secret BLOB NOT NULL
);

-- One row a person or thing. `lookup` is an HMAC of the identity, `identity` its encrypted text.
CREATE TABLE IF NOT EXISTS subjects (
    id       TEXT PRIMARY KEY,
    lookup   BLOB NOT NULL UNIQUE,
    key      BLOB NOT NULL,
    identity BLOB NOT NULL
);

-- Subjects whose row was destroyed.
CREATE TABLE IF NOT EXISTS erased (
    id TEXT PRIMARY KEY
);

-- What proves a decision of strength 2 (a passphrase's hash, a TOTP seed), sealed.
CREATE TABLE IF NOT EXISTS secrets (
    name   TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
);

PRAGMA user_version = 1;
COMMIT;

-- name: root
SELECT secret FROM root WHERE one = 1

-- name: add_root
-- Two first openings may race: the first secret counts.
INSERT OR IGNORE INTO root (one, secret) VALUES (1, ?)

-- name: find_subject
SELECT id FROM subjects WHERE lookup = ?

-- name: add_subject
INSERT OR IGNORE INTO subjects (id, lookup, key, identity) VALUES (?, ?, ?, ?)

-- name: key
SELECT key FROM subjects WHERE id = ?

-- name: identity
SELECT identity FROM subjects WHERE id = ?

-- name: is_erased
SELECT 1 FROM erased WHERE id = ?

-- name: drop_subject
DELETE FROM subjects WHERE id = ?

-- name: add_erased
INSERT OR IGNORE INTO erased (id) VALUES (?)

-- name: put_secret
INSERT INTO secrets (name, sealed) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed

-- name: get_secret
SELECT sealed FROM secrets WHERE name = ?
