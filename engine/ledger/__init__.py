"""The append-only store: the ledger is the truth, and everything else can be made again from it and git.

Terms
-----
*event*         one row: seq, a few columns for look-ups, the bytes that were hashed as they were hashed, and the hash.
*chain*         each hash is over the one before and the event's bytes; `verify` walks the stored bytes and never makes them again.
*anchor*        the chain's end, named outside the database (the file ``head``; the application also writes a git ref): a chain alone
                can't see that its last events were cut off. A lagging anchor is normal; one that the chain doesn't contain is not.
*acknowledged*  committed under ``synchronous=FULL``. What `append` returned with ``durable=True`` survives a power cut; buffered events
                have their seq and hash at once and are lost together, last first, when the process dies before the next commit.
*subject*       whose data a value is: 32 hex characters from the key store, ``""`` for values about no person. Values, requests and answers are
                encrypted under the subject's key before they touch the disk, in the database, its log, and the blob files.
*owner*         the one process that appends. Others read, and insert requests.

Invariants
----------
1. An event is in the database with everything it names, or not at all: values, contents and answers go into the same transaction, large
   values into a synced file before it.
2. Stored rows are never changed or removed. Erasing a person destroys a key in ``keys.db`` and files in ``blobs/``; the chain still holds.
3. Every commit compares the owner's epoch: a process that was stopped and taken over can't add a word.
4. A failed append left nothing behind and may be repeated (`DiskFull`, ``busy``), or the ledger refuses everything until it is opened and
   checked again (``io``, ``damaged``). What a full disk may not lose, the outcome of an effect that is under way, has a reserve of 4 MB.

Threads and forks
-----------------
One connection, one lock: any thread of the opening process may call `unseal`, `unseal_bytes`, `seal`, `kept`, `commitment`, `Keys` and
`SealedBlobs`; appends come from the loop's thread, because their order is the order of events. No handle works in a forked child, and
no child holds the lock.

Limits, said openly: on a network file system locks and syncs are as good as its server. The key store overwrites what it erases,
but an SSD or a copy-on-write file system may keep old blocks, and so may a backup: that is what disk encryption is for. A program
running as the operator can read the keys.

Non-goals: deciding anything, knowing plans, replaying (``engine.kernel``); showing (``engine.observe``).
"""

from engine.ledger.blobs import SealedBlobs
from engine.ledger.disk_reserve import FULL, has_room
from engine.ledger.keys import WORKSPACE, Keys
from engine.ledger.owner import Owner, OwnerRecord, current_owner, notify_owner
from engine.ledger.spot_checks import quick_check, sample
from engine.ledger.state_dir import StateDir
from engine.ledger.store import Ledger
from engine.ledger.verify import Report

__all__ = [
    "FULL",
    "WORKSPACE",
    "Keys",
    "Ledger",
    "Owner",
    "OwnerRecord",
    "Report",
    "SealedBlobs",
    "StateDir",
    "current_owner",
    "has_room",
    "notify_owner",
    "quick_check",
    "sample",
]
