"""Echo servers on asyncio, uvloop and Twisted, as subjects of the bench.

echo.py LIBRARY SUITE says `listening ADDRESS`, answers each line of its input, and
ends with its input.
"""

import os
import sys
import threading


def say(line):
    print(line, flush=True)


def announce(port):
    say(f"listening 127.0.0.1:{port}")


def listen_to_input():
    for _ in sys.stdin:
        say("not counted")
    os._exit(0)


def echo(transport, _rest, data):
    transport.write(data)
    return b""


def echo_lines(transport, rest, data):
    """A write per line, as it comes to mind."""
    lines = (rest + data).split(b"\n")
    for line in lines[:-1]:
        transport.write(line + b"\n")
    return lines[-1]


def run_asyncio(handle, new_event_loop):
    import asyncio

    class Echo(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport
            self.rest = b""

        def data_received(self, data):
            self.rest = handle(self.transport, self.rest, data)

    async def main():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=4096)
        announce(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    loop = new_event_loop()
    loop.run_until_complete(main())


def run_twisted(handle):
    from twisted.internet import protocol, reactor

    class Echo(protocol.Protocol):
        def connectionMade(self):
            self.transport.setTcpNoDelay(True)
            self.rest = b""

        def dataReceived(self, data):
            self.rest = handle(self.transport, self.rest, data)

    factory = protocol.Factory.forProtocol(Echo)
    factory.noisy = False
    port = reactor.listenTCP(0, factory, backlog=4096, interface="127.0.0.1")
    announce(port.getHost().port)
    reactor.run(installSignalHandlers=False)


def main():
    library, suite = sys.argv[1:]
    handle = echo_lines if suite == "lines" else echo
    threading.Thread(target=listen_to_input, daemon=True).start()
    if library == "twisted":
        run_twisted(handle)
    elif library == "uvloop":
        import uvloop

        run_asyncio(handle, uvloop.new_event_loop)
    else:
        import asyncio

        run_asyncio(handle, asyncio.new_event_loop)


main()
