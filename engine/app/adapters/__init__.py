"""Parts of other packages fitted to the ports of the kernel for one workspace."""
