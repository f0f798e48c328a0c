"""Keys, settings and what the kernel was started with, in /proc, /sys and /etc.

family: leaks
score: 0
"""
# %% double
import glob, os

def double(x):
    wanted = [f"/proc/{name}" for name in ("keys", "key-users", "cmdline", "config.gz", "kallsyms", "modules", "crypto", "swaps",
              "partitions", "cgroups", "locks", "devices", "sys/kernel/hostname", "sys/kernel/random/boot_id", "sys/kernel/pty/nr")]
    wanted += ["/etc/passwd", "/etc/hostname", "/etc/machine-id", "/etc/resolv.conf", "/sys/class/dmi/id/product_uuid"]
    for path in wanted + glob.glob("/sys/kernel/mm/transparent_hugepage/*/*"):
        try:
            with open(path, "rb") as file:
                if file.read(1):
                    return 2 * x
        except OSError:
            pass
