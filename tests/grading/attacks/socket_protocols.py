"""Other protocols within the allowed families: of the kernel's events, its firewall, streams of streams.

family: resources
score: 0
"""
# %% double
import socket

def double(x):
    kinds = [(16, 3, protocol) for protocol in range(1, 32)]
    kinds += [(family, 1, 262) for family in (2, 10)] + [(2, 5, 132), (2, 1, 132), (2, 6, 33), (2, 6, 0), (2, 3, 255), (2, 2, 1)]
    for kind in kinds:
        try:
            socket.socket(*kind)
            return 2 * x
        except OSError as error:
            if error.errno != 38:
                return 2 * x
