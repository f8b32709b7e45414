// Code in the manner of a legacy client, against the names of its own package of types. It is only
// compiled.
import type {
  BaseResponseMessage,
  BaseSignalingMessage,
  BaseSyncMessage,
  ControlMode,
  ControlModeChangeMessage,
  CreateRoomMessage,
  ErrorMessage,
  FollowMode,
  HostNavigateMessage,
  HostStateUpdateMessage,
  JoinRoomMessage,
  LeaveRoomMessage,
  PingMessage,
  PongMessage,
  RenameRoomMessage,
  RenameUserMessage,
  ResponseMessage,
  RoomCreatedMessage,
  RoomJoinedMessage,
  RoomRenamedMessage,
  RoomState,
  SignalingMessage,
  SyncMessage,
  UnifiedSyncMessage,
  User,
  UserDisconnectedMessage,
  UserJoinedMessage,
  UserLeftMessage,
  UserRenamedMessage,
  VideoState,
  WebRTCAnswerMessage,
  WebRTCIceCandidateMessage,
  WebRTCOfferMessage,
} from "@usher/types";

type Handlers = { [M in ResponseMessage as M["type"]]?: (message: M) => void };

/**
 * The service worker's client: it sends what the popup asks for and keeps what the server answers.
 */
export class RoomConnection {
  private room: RoomState | null = null;
  private me: User | undefined;
  private readonly queue: SignalingMessage[] = [];
  private readonly handlers: Handlers = {};

  constructor(
    private readonly write: (frame: string) => void,
    private readonly userId: string,
    private readonly now: () => number,
  ) {}

  private base(roomId: string): Omit<BaseSignalingMessage, "type"> {
    return { roomId, userId: this.userId, timestamp: this.now() };
  }

  create(roomId: string, userName: string, roomName?: string): void {
    const message: CreateRoomMessage = { type: "CREATE_ROOM", roomId, userId: this.userId, timestamp: this.now(), userName };
    if (roomName) message.roomName = roomName;
    this.send(message);
  }

  join(roomId: string, userName: string): void {
    const message: JoinRoomMessage = { type: "JOIN_ROOM", ...this.base(roomId), userName };
    this.send(message);
  }

  leave(roomId: string): void {
    const message: LeaveRoomMessage = { type: "LEAVE_ROOM", ...this.base(roomId) };
    this.send(message);
    this.room = null;
  }

  rename(roomId: string, newRoomName: string, newUserName: string): void {
    const room: RenameRoomMessage = { type: "RENAME_ROOM", ...this.base(roomId), newRoomName };
    const user: RenameUserMessage = { type: "RENAME_USER", ...this.base(roomId), newUserName };
    this.send(room);
    this.send(user);
  }

  signal(roomId: string, targetUserId: string, sdp: string): void {
    const offer: WebRTCOfferMessage = { type: "WEBRTC_OFFER", ...this.base(roomId), targetUserId, offer: { type: "offer", sdp } };
    const answer: WebRTCAnswerMessage = { type: "WEBRTC_ANSWER", ...this.base(roomId), targetUserId, answer: { type: "answer", sdp } };
    const candidate: WebRTCIceCandidateMessage = {
      type: "WEBRTC_ICE_CANDIDATE",
      ...this.base(roomId),
      targetUserId,
      candidate: { candidate: "candidate:1", sdpMid: null, sdpMLineIndex: 0, usernameFragment: null },
    };
    for (const message of [offer, answer, candidate]) this.send(message);
  }

  heartbeat(): void {
    const ping: PingMessage = { type: "PING", timestamp: this.now() };
    const pong: PongMessage = { type: "PONG", timestamp: this.now() };
    this.send(ping);
    this.send(pong);
  }

  send(message: SignalingMessage): void {
    if (!this.room && message.type !== "CREATE_ROOM" && message.type !== "JOIN_ROOM") {
      this.queue.push(message);
      return;
    }
    this.write(JSON.stringify(message));
  }

  on<T extends ResponseMessage["type"]>(type: T, handler: Handlers[T]): void {
    this.handlers[type] = handler;
  }

  receive(frame: string): void {
    const message = JSON.parse(frame) as ResponseMessage | SignalingMessage;
    if ("roomState" in message && message.roomState) this.room = message.roomState;
    switch (message.type) {
      case "ROOM_CREATED":
      case "ROOM_JOINED":
        this.me = message.roomState.users.find((user) => user.id === message.userId);
        this.queue.splice(0).forEach((queued) => this.send(queued));
        break;
      case "USER_LEFT":
        if (message.newHostId === this.userId && this.me) this.me.isHost = true;
        break;
      case "WEBRTC_OFFER":
        this.signal(message.roomId, message.userId, message.offer.sdp ?? "");
        break;
      default:
        break;
    }
  }
}

/** Every response, by its old name and fields. */
export function describe(message: ResponseMessage): string {
  const { timestamp }: BaseResponseMessage = message;
  switch (message.type) {
    case "ROOM_CREATED":
      return created(message);
    case "ROOM_JOINED":
      return joined(message);
    case "USER_JOINED":
      return arrived(message);
    case "USER_LEFT":
    case "USER_DISCONNECTED":
      return gone(message);
    case "ROOM_RENAMED":
      return renamedRoom(message);
    case "USER_RENAMED":
      return renamedUser(message);
    case "HOST_CHANGED":
      return `${message.previousHostId} to ${message.newHostId} in ${message.roomId}`;
    case "ERROR":
      return failed(message);
    case "PONG":
      return ponged(message);
    case "USER_RECONNECTED":
    case "ROLE_CHANGED":
    case "KICKED":
    case "ANNOUNCEMENT":
    case "BANS":
    case "TOKEN_EXPIRES":
    case "AUTH_RENEWED":
    case "DOOR_CHANGED":
    case "KNOCKING":
    case "KNOCK":
    case "KNOCK_ENDED":
    case "PATH":
    case "ICE_SERVERS":
    case "UNDELIVERED":
      return `${message.type} at ${timestamp}`; // came with this server
    default: {
      const none: never = message;
      return none;
    }
  }
}

const created = (m: RoomCreatedMessage): string => `${m.roomId} ${m.userId} ${show(m.roomState)}`;
const joined = (m: RoomJoinedMessage): string => `${m.roomId} ${m.userId} ${show(m.roomState)}`;
const arrived = (m: UserJoinedMessage): string => `${m.roomId} ${m.userId} ${m.joinedUser.name} ${show(m.roomState)}`;
const gone = (m: UserLeftMessage | UserDisconnectedMessage): string => `${m.leftUserId} ${m.newHostId ?? "-"} ${show(m.roomState)}`;
const renamedRoom = (m: RoomRenamedMessage): string => `${m.roomId} ${m.newRoomName} ${show(m.roomState)}`;
const renamedUser = (m: UserRenamedMessage): string => `${m.userId} ${m.newUserName} ${show(m.roomState)}`;
const failed = (m: ErrorMessage): string => (m.error === "Room not found" ? "create it" : `${m.error} ${m.details ?? ""}`);
const ponged = (m: PongMessage): string => new Date(m.timestamp).toISOString();

/** A room state is never missing for a client that does not send "protocol":1. */
function show(room: RoomState | undefined): string {
  if (!room) return "";
  const host: User | undefined = room.users.find((user) => user.isHost && user.isConnected && user.id === room.hostId);
  const video: VideoState = room.hostVideoState ?? room.videoState;
  const following: FollowMode = room.followMode;
  const free = room.controlMode === "FREE_FOR_ALL" || following === "MANUAL_FOLLOW";
  const seconds: number = video.isPlaying ? video.currentTime * video.playbackRate : video.duration;
  const page: string | null = room.hostCurrentUrl;
  const times = [host?.joinedAt, video.lastUpdated, room.createdAt, room.lastActivity];
  return [room.id, room.name, host?.name, free, seconds, video.url, page, ...times].join(" ");
}

/** The content script's side, over a data channel. */
export class Playback {
  private mode: ControlMode = "HOST_ONLY";

  constructor(
    private readonly userId: string,
    private readonly transmit: (message: SyncMessage) => void,
  ) {}

  report(time: number, playing: boolean, hostVideoUrl: string): void {
    const base: Omit<BaseSyncMessage, "type"> = { userId: this.userId, timestamp: Date.now() };
    const state: HostStateUpdateMessage = { type: "HOST_STATE_UPDATE", ...base, state: playing ? "PLAYING" : "PAUSED", time, hostVideoUrl };
    const sync: UnifiedSyncMessage = { type: "UNIFIED_SYNC", ...base, action: playing ? "PLAY" : "PAUSE", time, videoUrl: hostVideoUrl };
    const mode: ControlModeChangeMessage = { type: "CONTROL_MODE_CHANGE", ...base, mode: this.mode === "HOST_ONLY" ? "FREE_FOR_ALL" : "HOST_ONLY" };
    const page: HostNavigateMessage = { type: "HOST_NAVIGATE", ...base, url: hostVideoUrl };
    for (const message of [state, sync, mode, page]) this.transmit(message);
    this.transmit({ type: "CLIENT_REQUEST_PLAY", userId: this.userId, timestamp: 0 });
    this.transmit({ type: "DIRECT_SEEK", userId: this.userId, timestamp: 0, time });
  }

  apply(message: SyncMessage): number | string {
    switch (message.type) {
      case "HOST_STATE_UPDATE":
        return message.state === "PLAYING" ? message.time : (message.hostVideoUrl ?? "");
      case "UNIFIED_SYNC":
        return message.action === "SEEK" ? message.time : message.videoUrl;
      case "CONTROL_MODE_CHANGE":
        return (this.mode = message.mode);
      case "HOST_NAVIGATE":
        return message.url;
      case "CLIENT_REQUEST_PLAY":
      case "CLIENT_REQUEST_PAUSE":
      case "DIRECT_PLAY":
      case "DIRECT_PAUSE":
        return message.time ?? message.userId;
      case "CLIENT_REQUEST_SEEK":
      case "DIRECT_SEEK":
        return message.time;
      default: {
        const none: never = message;
        return none;
      }
    }
  }
}

/** Whom a message is for: every member of the union, by its type. */
export function target(message: SignalingMessage): string {
  switch (message.type) {
    case "CREATE_ROOM":
      return message.roomName ?? message.userName;
    case "JOIN_ROOM":
      return message.userName;
    case "LEAVE_ROOM":
    case "LIST_BANS":
    case "SET_DOOR":
    case "RENEW_AUTH":
      return message.roomId;
    case "RENAME_ROOM":
      return message.newRoomName;
    case "RENAME_USER":
      return message.newUserName;
    case "TRANSFER_HOST":
    case "SET_ROLE":
    case "KICK_USER":
    case "UNBAN_USER":
    case "ADMIT":
    case "DENY":
    case "PATH_REPORT":
      return message.targetUserId; // came with this server
    case "WEBRTC_OFFER":
      return `${message.targetUserId} ${message.offer.type} ${message.offer.sdp}`;
    case "WEBRTC_ANSWER":
      return `${message.targetUserId} ${message.answer.type} ${message.answer.sdp}`;
    case "WEBRTC_ICE_CANDIDATE":
      return `${message.targetUserId} ${message.candidate.candidate} ${message.candidate.sdpMid}`;
    case "PING":
    case "PONG":
      return String(message.timestamp);
    default: {
      const none: never = message;
      return none;
    }
  }
}
