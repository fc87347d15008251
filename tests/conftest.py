"""What holds for every test: no memory process is started beside it; those that want one make their own."""

import os

from engine.app.remembering import OFF

os.environ[OFF] = "off"
