// A netlink socket for dumps, and the reading of what comes back (RFC 3549, include/uapi/linux/netlink.h).

import { KernelError } from './errors.ts';
import { systemCall } from './syscall.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER = 16;
/** The kernel fills dumps up to this size (NLMSG_GOODSIZE and more for large requests). */
const RECEIVE_SIZE = 1 << 17;

/** Netlink families we speak. */
export const FAMILY = { route: 0, netfilter: 12 } as const;

/**
 * Sends one dump request and returns the payload of every answer. `operation` says what the dump is for, in errors.
 * An `unsupported` answer (EOPNOTSUPP, ENOENT, EINVAL: the kernel part is not there) gives an empty list.
 */
export function dump(operation: string, family: number, type: number, payload: Uint8Array): Buffer[] {
  const socket = systemCall(`${operation}: open a netlink socket`, 'socket', AF_NETLINK, SOCK_RAW_CLOEXEC, family);
  try {
    const request = Buffer.alloc(HEADER + payload.length);
    request.writeUInt32LE(request.length, 0);
    request.writeUInt16LE(type, 4);
    request.writeUInt16LE(NLM_F_REQUEST | NLM_F_DUMP, 6);
    request.writeUInt32LE(1, 8);
    request.set(payload, HEADER);
    systemCall(operation, 'sendto', socket, request, request.length, 0, 0, 0);
    const buffer = Buffer.alloc(RECEIVE_SIZE);
    const messages: Buffer[] = [];
    for (;;) {
      const size = systemCall(operation, 'recvfrom', socket, buffer, buffer.length, 0, 0, 0);
      for (let at = 0; at + HEADER <= size; ) {
        const length = buffer.readUInt32LE(at);
        const kind = buffer.readUInt16LE(at + 4);
        const body = buffer.subarray(at + HEADER, at + length);
        if (kind === NLMSG_DONE) return messages;
        if (kind === NLMSG_ERROR) {
          const errno = -body.readInt32LE(0);
          if (errno === 0) return messages;
          throw new KernelError(operation, errno);
        }
        messages.push(Buffer.from(body));
        at += (length + 3) & ~3;
      }
    }
  } finally {
    systemCall('close a netlink socket', 'close', socket);
  }
}

/** The attributes behind a message's fixed part, by type; of equal ones the last. */
export function attributes(message: Buffer, fixedPart: number): Map<number, Buffer> {
  const NLA_TYPE_MASK = 0x3fff;
  const found = new Map<number, Buffer>();
  for (let at = fixedPart; at + 4 <= message.length; ) {
    const length = message.readUInt16LE(at);
    if (length < 4) break;
    found.set(message.readUInt16LE(at + 2) & NLA_TYPE_MASK, message.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

/** An attribute's text, without its terminating zero. */
export function text(attribute: Buffer | undefined): string | undefined {
  if (attribute === undefined) return undefined;
  const end = attribute.indexOf(0);
  return attribute.toString('latin1', 0, end === -1 ? attribute.length : end);
}
