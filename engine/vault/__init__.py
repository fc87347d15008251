"""The workspace as git holds it: what runs is the tip of one branch, read from objects and never from files.

Terms
-----
*deployed*  the commit at the tip of the branch that steward.yaml names; HEAD, the index and the work tree play no part.
*refused*   an entry that is listed and never read: symbolic links, submodules, LFS pointers, huge files, names that lead elsewhere.
*pin*       a ref below ``refs/steward/pins/`` that keeps a commit readable. *anchor*: the ledger's end, as a ref that a push takes along.

Invariants
----------
1. Nothing a repository contains or configures is executed: no hook, filter, text conversion, file-system monitor, submodule,
   credential or transport helper. Only plumbing is called, with an environment of its own and overriding settings.
2. Nothing outside the repository is read through it: links are not followed, paths are checked before use.
3. A commit's files and the working folder's are chosen by the same rule (`engine.vault.paths`), so that what `check` says of
   committed files holds for the deployed ones. Hidden names, the inbox and the outbox are not authored.

Object ids of the working folder are of the bytes as they lie; a checkout that converts line ends gives others than git has.

Non-goals: understanding what is in the files (``engine.language``), pushing or fetching.
"""

from engine.vault.init_repo import commit_all, find_root, init_repository
from engine.vault.paths import checked
from engine.vault.refs import (
    anchor,
    anchored,
    beside,
    current_branch,
    exclude,
    pin,
    published,
    remotes,
    set_ref,
)
from engine.vault.tree import FolderTree, GitTree

__all__ = [
    "FolderTree",
    "GitTree",
    "anchor",
    "anchored",
    "beside",
    "checked",
    "commit_all",
    "current_branch",
    "exclude",
    "find_root",
    "init_repository",
    "pin",
    "published",
    "remotes",
    "set_ref",
]
