// A netlink socket for dumps and changes, and the reading of what comes back (RFC 3549, include/uapi/linux/netlink.h).

import { KernelError } from './errors.ts';
import { closeDescriptor, systemCall } from './syscall.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
/** On an answer: what is dumped changed while it was. */
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_DUMP = 0x300;
const NLM_F_CREATE = 0x400;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const HEADER = 16;
/** `struct nlmsgerr` with NETLINK_CAP_ACK: the errno, and the header of the request. */
const NLMSGERR = 4 + HEADER;
const EINTR = 4;
/** The kernel fills dumps up to this size (NLMSG_GOODSIZE and more for large requests). */
const RECEIVE_SIZE = 1 << 17;
/** Dumps of something that changes all the time are taken as they are after so many attempts. */
const DUMP_ATTEMPTS = 10;

/** Netlink families we speak. */
export const FAMILY = { route: 0, netfilter: 12 } as const;

/** Why the kernel did not make a change. */
export interface Refusal {
  readonly errno: number;
  /** The extended acknowledgement. */
  readonly attributes: Buffer;
}

interface Message {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

export class NetlinkSocket {
  private readonly operation: string;
  private readonly descriptor: number;
  private readonly buffer = Buffer.alloc(RECEIVE_SIZE);

  /** `operation` says what the socket is for, in errors. The kernel checks requests strictly, and filters as they ask. */
  constructor(operation: string, family: number) {
    this.operation = operation;
    this.descriptor = systemCall(`${operation}: open a netlink socket`, 'socket', AF_NETLINK, SOCK_RAW_CLOEXEC, family);
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) this.enable(option);
  }

  /** Sends a dump request and returns the body of every answer. */
  dump(type: number, body: Uint8Array): Buffer[] {
    for (let attempt = 1; ; attempt++) {
      const { bodies, interrupted } = this.dumpOnce(type, body);
      if (!interrupted || attempt === DUMP_ATTEMPTS) return bodies;
    }
  }

  /** Asks for a change; returns why it was refused, or `undefined` once it is made. */
  change(type: number, body: Uint8Array): Refusal | undefined {
    this.send(type, NLM_F_REQUEST | NLM_F_ACK, body);
    const answer = this.receive()[0]!;
    const errno = errnoOf(answer);
    return errno === 0 ? undefined : { errno, attributes: answer.body.subarray(NLMSGERR) };
  }

  /** Asks nfnetlink for changes that are made together or not at all; returns 0 or the errno of the first that is refused. */
  changeTogether(subsystem: number, changes: readonly { readonly type: number; readonly body: Uint8Array }[]): number {
    const limits = Buffer.from([0, 0, subsystem >> 8, subsystem & 255]);
    const last = changes.length - 1;
    const requests = changes.map(({ type, body }, i) =>
      message((subsystem << 8) | type, NLM_F_REQUEST | NLM_F_CREATE | (i === last ? NLM_F_ACK : 0), body),
    );
    const batch = Buffer.concat([
      message(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, limits),
      ...requests,
      message(NFNL_MSG_BATCH_END, NLM_F_REQUEST, limits),
    ]);
    systemCall(this.operation, 'sendto', this.descriptor, batch, batch.length, 0, 0, 0);
    return errnoOf(this.receive()[0]!);
  }

  close(): void {
    closeDescriptor(this.descriptor);
  }

  private dumpOnce(type: number, body: Uint8Array): { bodies: Buffer[]; interrupted: boolean } {
    this.send(type, NLM_F_REQUEST | NLM_F_DUMP, body);
    const bodies: Buffer[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of this.receive()) {
        interrupted ||= (message.flags & NLM_F_DUMP_INTR) !== 0;
        const isEnd = message.type === NLMSG_DONE || message.type === NLMSG_ERROR;
        if (!isEnd) {
          bodies.push(message.body);
          continue;
        }
        const errno = errnoOf(message);
        if (errno !== 0 && !(interrupted && errno === EINTR)) throw new KernelError(this.operation, errno);
        return { bodies, interrupted };
      }
    }
  }

  private send(type: number, flags: number, body: Uint8Array): void {
    const request = message(type, flags, body);
    systemCall(this.operation, 'sendto', this.descriptor, request, request.length, 0, 0, 0);
  }

  private receive(): Message[] {
    const { buffer } = this;
    const size = systemCall(this.operation, 'recvfrom', this.descriptor, buffer, buffer.length, 0, 0, 0);
    const messages: Message[] = [];
    for (let at = 0; at + HEADER <= size; ) {
      const length = buffer.readUInt32LE(at);
      const body = Buffer.from(buffer.subarray(at + HEADER, at + length));
      messages.push({ type: buffer.readUInt16LE(at + 4), flags: buffer.readUInt16LE(at + 6), body });
      at += (length + 3) & ~3;
    }
    return messages;
  }

  private enable(option: number): void {
    const one = Buffer.from([1, 0, 0, 0]);
    systemCall(this.operation, 'setsockopt', this.descriptor, SOL_NETLINK, option, one, one.length);
  }
}

function message(type: number, flags: number, body: Uint8Array): Buffer {
  const made = Buffer.alloc(HEADER + body.length);
  made.writeUInt32LE(made.length, 0);
  made.writeUInt16LE(type, 4);
  made.writeUInt16LE(flags, 6);
  made.set(body, HEADER);
  return made;
}

/** An attribute, padded to a multiple of 4 bytes. */
export function attribute(type: number, payload: Uint8Array): Buffer {
  const made = Buffer.alloc((4 + payload.length + 3) & ~3);
  made.writeUInt16LE(4 + payload.length, 0);
  made.writeUInt16LE(type, 2);
  made.set(payload, 4);
  return made;
}

/** What an error or the end of a dump says, 0 for success. */
function errnoOf({ body }: Message): number {
  return body.length < 4 ? 0 : -body.readInt32LE(0);
}

/** Dumps through a socket made for it. */
export function dump(operation: string, family: number, type: number, body: Uint8Array): Buffer[] {
  const socket = new NetlinkSocket(operation, family);
  try {
    return socket.dump(type, body);
  } finally {
    socket.close();
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

/** The elements of a list, all of one type. */
export function listOf(list: Buffer | undefined): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; list !== undefined && at + 4 <= list.length; ) {
    const length = list.readUInt16LE(at);
    found.push(list.subarray(at + 4, at + length));
    at += Math.max(4, (length + 3) & ~3);
  }
  return found;
}

/** An attribute's text, without its terminating zero. */
export function text(attribute: Buffer | undefined): string | undefined {
  if (attribute === undefined) return undefined;
  const end = attribute.indexOf(0);
  return attribute.toString('latin1', 0, end === -1 ? attribute.length : end);
}
