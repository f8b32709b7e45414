// The floor: a relay in C without a library, as cheap as reading a frame and writing it to another
// socket can be. One thread waits for sockets, reads each that is ready once, and writes each frame
// to the other socket of the pair in one system call. It checks nothing, bounds nothing and
// believes everything: it is for loopback and one generator only.
//
//   cc -O2 -o floor floor.c && ./floor 127.0.0.1 8080

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  kMaxSockets = 1 << 16,
  kBytes = 64 << 10,  // of one read, and the longest frame
  kHeader = 14,       // the longest header of a frame with a mask
};

// A pair is seats 0 and 1 of a room, or 2 and 3.
struct pair {
  char room[64];
  int side[2];
};

struct socket {
  int open;  // the handshake is over
  struct pair *pair;
  int side;
  // What is left of a frame that has not come whole. Frames on loopback nearly always do.
  size_t kept;
  uint8_t *rest;
};

static struct socket sockets[kMaxSockets];
static struct pair *half[kMaxSockets];  // pairs that wait for their second socket
static int halves;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void end(int fd) {
  free(sockets[fd].rest);
  memset(&sockets[fd], 0, sizeof sockets[fd]);
  close(fd);
}

// field copies the value of a query's field.
static void field(const char *line, const char *name, char *value, size_t size) {
  const char *at = strstr(line, name);
  size_t n = 0;
  if (at)
    for (at += strlen(name); *at && *at != '&' && *at != ' ' && n + 1 < size; at++) value[n++] = *at;
  value[n] = 0;
}

static void join(int fd, const char *room, int seat) {
  struct socket *s = &sockets[fd];
  char key[64];
  snprintf(key, sizeof key, "%.50s/%d", room, seat / 2);
  s->side = seat % 2;
  for (int i = 0; i < halves && !s->pair; i++)
    if (!strcmp(half[i]->room, key)) {
      s->pair = half[i];
      half[i] = half[--halves];
    }
  if (!s->pair) {
    s->pair = calloc(1, sizeof *s->pair);
    if (!s->pair) die("calloc");
    strcpy(s->pair->room, key);
    half[halves++] = s->pair;
  }
  s->pair->side[s->side] = fd;
}

// handshake answers an HTTP request. The generator does not look at Sec-WebSocket-Accept.
static void handshake(int fd, uint8_t *data, size_t n) {
  char line[512], room[64], seat[8];
  size_t size = n < sizeof line - 1 ? n : sizeof line - 1;
  memcpy(line, data, size);
  line[size] = 0;
  const char *answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  if (strncmp(line, "GET /ws", 7)) {
    if (write(fd, answer, strlen(answer)) < 0) perror("write");
    end(fd);
    return;
  }
  field(line, "roomId=", room, sizeof room);
  field(line, "seat=", seat, sizeof seat);
  join(fd, room, atoi(seat));
  sockets[fd].open = 1;
  answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: -\r\n\r\n\x81\x16{\"type\":\"ROOM_JOINED\"}";
  if (write(fd, answer, strlen(answer)) < 0) perror("write");
}

// relay writes the frames in data to the other socket, and returns how many bytes they had. Data
// has room for a header before it, and is unmasked in place.
static size_t relay(struct socket *s, uint8_t *data, size_t n) {
  size_t done = 0;
  while (n - done >= 6) {
    uint8_t *frame = data + done;
    size_t header = 2, length = frame[1] & 127;
    if (length == 126) {
      length = (size_t)frame[2] << 8 | frame[3];
      header = 4;
    } else if (length == 127) {
      return n;  // longer than what is sent here
    }
    if (n - done < header + 4 + length) return done;
    uint8_t *payload = frame + header + 4;
    uint64_t mask = 0;
    memcpy(&mask, frame + header, 4);
    mask |= mask << 32;
    size_t i = 0;
    for (; i + 8 <= length; i += 8) {
      uint64_t word;
      memcpy(&word, payload + i, 8);
      word ^= mask;
      memcpy(payload + i, &word, 8);
    }
    for (; i < length; i++) payload[i] ^= (uint8_t)(mask >> 8 * (i % 4));
    if ((frame[0] & 15) == 8) return n;
    if ((frame[0] & 15) == 1) {
      uint8_t *out = payload - header;
      uint8_t head[4] = {0x81, length < 126 ? (uint8_t)length : 126, (uint8_t)(length >> 8), (uint8_t)length};
      memcpy(out, head, header);
      int other = s->pair->side[1 - s->side];
      if (other && write(other, out, header + length) < 0) perror("write");
    }
    done += header + 4 + length;
  }
  return done;
}

static void receive(int fd) {
  static uint8_t buffer[2 * kBytes];
  struct socket *s = &sockets[fd];
  if (s->kept) memcpy(buffer, s->rest, s->kept);
  ssize_t got = read(fd, buffer + s->kept, kBytes);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    end(fd);
    return;
  }
  if (!s->open) {
    handshake(fd, buffer, (size_t)got);
    return;
  }
  size_t n = s->kept + (size_t)got, done = relay(s, buffer, n);
  s->kept = n - done;
  if (!s->kept) return;
  if (!s->rest && !(s->rest = malloc(kBytes))) die("malloc");
  if (s->kept > kBytes) {
    end(fd);
    return;
  }
  memcpy(s->rest, buffer + done, s->kept);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: floor ADDRESS PORT\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
  inet_pton(AF_INET, argv[1], &address.sin_addr);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) die("listen");
  int epoll = epoll_create1(0);
  struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener}, events[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &wanted);
  for (;;) {
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (fd != listener) {
        receive(fd);
        continue;
      }
      while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= kMaxSockets) {
          close(fd);
          continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        wanted.data.fd = fd;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted);
      }
    }
  }
}
