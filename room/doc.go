// Package room is the core of usher: one room as a pure state machine.
//
// A [Room] is stepped with events (a connection opened, a frame arrived, the alarm fired) and
// returns effects (send, forward, close, save, set the alarm). It does no I/O, reads no clock,
// draws no randomness, starts no goroutine and holds no lock; the same events give the same
// effects on every shell. All rules about roles, seats, limits and deadlines are here.
//
// # Duties of a shell
//
//   - Step one room from one goroutine at a time, with a clock of milliseconds since the epoch.
//   - Perform the effects of a Step in order, and those of a room's Steps in the order of the
//     Steps.
//   - Let nobody see an effect that follows a Save or Delete before that is safely stored.
//     If storing fails, give the room up: close its connections with
//     protocol.CloseTryLater and restore it from what is stored.
//   - Give each CREATE_ROOM and JOIN_ROOM fresh randomness in Event.Secret, and each Attachment.
//   - Set Event.RefuseCreate and RefuseSeat by the budgets for rooms and seats that the client's
//     address has; Created, Ended and Stands report what counts against such budgets. If the
//     address has sent more than it may, step the room with Exceeded in place of the message.
//   - Set Event.Refuse while the store is known to fail. Relays go on; what would need a Save is
//     refused.
//   - Keep a room in memory while it has connections, and while it Exists until its next alarm.
//     A room that Sleeps may be dropped as well; step it with AlarmFired at its ExpiresAtMs.
//     Or set Config.Hibernates and keep what Attach, Save, SaveLater and SetAlarm give,
//     immediately; then a room may be dropped after any Step, and Wake makes it again, to be
//     stepped with Woken.
//   - If PINGs are answered without the room, report them by Answered before AlarmFired and
//     before any event at or after the time of the alarm.
//   - Hash passcodes where they hold up no room, and only so many at once: a Hashed may say that
//     there is no hash.
//   - Report by Paused, before any other event, the time for which the shell did not run.
//   - After a restart, Restore each room when it is first touched, and step it with Restored.
//
// # Invariants
//
// Check reports the first of these that does not hold.
//
//  1. A room without seats has no host; a room with seats has exactly one, and it is one of the
//     seats.
//  2. User ids of seats differ. Seats are in the order of joining.
//  3. A seat has at most one connection that is not parked, and that connection has the seat.
//  4. A seat without a connection has a deadline. A seat with one has none, may have parked
//     connections, and holds frames only while the connection has to show life.
//  5. Parked connections belong to a seat with a connection, or to one whose owner waits for its
//     turn. A connection that waits has no seat.
//  6. No more seats than MaxPeople; parked and held are bounded.
//  7. A room that does not exist has no seats.
//  8. heldBytes is the sum of what the seats hold.
//  9. While anything has a deadline, an alarm is set at or before it.
//  10. Connections are in the order of their ids.
//  11. The standing of a connection is the one that was last reported by Stands.
//  12. The host's seat has no role of its own, and no seat has the role HOST of its own.
//  13. Bans are for different user ids, none of which has a seat. There are at most
//     protocol.MaxBans.
//  14. Knocks are for different user ids, none of which has a seat or is banned, and there are none
//     unless newcomers have to knock. At most MaxKnocks are open or admitted, and as many denied.
//  15. A connection that knocks has an open knock, which no other has, no seat, and no join that
//     waits.
//  16. The addresses that a room remembers for guesses of its passcode are bounded, and there are
//     none without a passcode.
//  17. A room that stays exists and has an owner; no other room has one.
package room
