-- What the notes say, exactly. Tables are filled from the tree; nothing is ever read from or written to a file here.

-- name: schema
CREATE TABLE notes (path VARCHAR, blob VARCHAR, type VARCHAR, title VARCHAR, matter JSON);
CREATE TABLE tags (path VARCHAR, tag VARCHAR);
CREATE TABLE links (path VARCHAR, target VARCHAR);
CREATE TABLE headings (path VARCHAR, place INTEGER, level INTEGER, words VARCHAR);
CREATE TABLE tasks (path VARCHAR, place INTEGER, done BOOLEAN, words VARCHAR);
CREATE TABLE contacts (path VARCHAR, address VARCHAR, main BOOLEAN, name VARCHAR, company VARCHAR, project VARCHAR);
CREATE TABLE prices (path VARCHAR, what VARCHAR, shown VARCHAR, minor BIGINT, currency VARCHAR);
CREATE TABLE purchases (path VARCHAR, place INTEGER, what VARCHAR, day VARCHAR);

-- name: holders
-- Who has this address: every contact note, not only the first.
SELECT path, main FROM contacts WHERE address = ? ORDER BY path

-- name: bought
-- What the contact notes with this address say was bought, in the order of the notes.
SELECT p.what, p.day, p.path FROM purchases p JOIN contacts c USING (path) WHERE c.address = ? ORDER BY p.path, p.place

-- name: price
-- Every price a thing has, by the words of the price lists without case and spaces.
SELECT path, shown, minor, currency FROM prices WHERE what = ? ORDER BY path, minor

-- name: tagged
SELECT path FROM tags WHERE tag = ? ORDER BY path

-- name: linking
-- Which notes link to a path, or to a file of that name.
SELECT DISTINCT path FROM links WHERE target = ? ORDER BY path

-- name: of_type
SELECT path, title FROM notes WHERE type = ? ORDER BY path

-- name: open_tasks
SELECT path, words FROM tasks WHERE NOT done ORDER BY path, place

-- name: headings
SELECT level, words FROM headings WHERE path = ? ORDER BY place
