"""One client, a process of its own: posts the streams of a file one after the other, over one connection.

``python bench/_sender.py HOST PORT FILE``; the file is an Arrow stream of one column of bodies. Prints the CPU seconds
that sending took; the bodies were made before.
"""

import http.client
import sys
import time

import pyarrow as pa

HEADERS = {"content-type": "application/vnd.apache.arrow.stream", "authorization": "Bearer t"}


def main() -> None:
    host, port, file = sys.argv[1:]
    with pa.memory_map(file) as source:
        bodies = pa.ipc.open_stream(source).read_all()["body"]
        connection = http.client.HTTPConnection(host, int(port), timeout=600)
        begin = time.process_time()
        for body in bodies:
            connection.request("POST", "/v1/events", body.as_py(), HEADERS)
            reply = connection.getresponse()
            said = reply.read()
            assert reply.status == 200, said
        print(time.process_time() - begin)
        connection.close()


if __name__ == "__main__":
    main()
