# The smallest HTTP server there is: one connection after the other, no imports but the socket.
import _socket

listener = _socket.socket(fileno=3)
while True:
    fd, _ = listener._accept()
    conn = _socket.socket(fileno=fd)
    data = b""
    while b"\r\n\r\n" not in data:
        data += conn.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += conn.recv(65536)
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length + body)
    conn.close()
