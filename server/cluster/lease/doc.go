// Package lease decides who owns which rooms in a cluster: one node's part, as a pure state
// machine.
//
// Rooms hash to 1024 shards ([ShardOf]). A table in the store says who owns each shard, in which
// term. Each node has a lease in the store, a record that it renews; what it owns is valid while
// that lasts. A node whose lease expires is suspended, not dead: nobody has its shards until
// another node has evicted it, by a write to the same key that its own renewal would need. So a
// suspended node that renews simply goes on.
//
// A [Node] is stepped with events (a write was stored, records were fetched, the timer fired) and
// returns effects (put, fetch, own, hand over). It does no I/O, reads no clock, draws no
// randomness, starts no goroutine and holds no lock; the same events give the same effects.
// testdata has a transcript for each rule.
//
// # Duties of the shell
//
//   - Step a node from one goroutine at a time, and look at Valid under the same lock; or keep
//     what ValidUntil, Own, Stop and Lose say where others read it, which gives the same answer.
//   - Give it a clock of milliseconds that never goes back and that goes on while the process, or
//     better the machine, does not run. It is compared with no other node's.
//   - Perform the effects of a Step in order, and those of Steps in the order of the Steps. A Stop,
//     Lose or Evicted must have taken effect before a later Put is sent.
//   - Keep the store's promises: a Put is stored only if its key has the expected revision, an
//     Acked is durable on a quorum, a revision is the sequence of the whole stream, and the reply
//     to a Fetch is what one replica had at one sequence. A reply may be late, or stale, or
//     missing, and a Put may be stored with its reply lost. A key is forgotten only as a Put said.
//   - Hold an exclusive lock on the folder that has the node's id as long as the process lives.
//   - Look at Valid once a turn and again when a frame or close leaves. Write a room (its claim,
//     its saves) on condition of the room's own revision; Valid is no fence for the store.
//   - On Suspended do nothing but wait; on Resumed send what waited.
//   - Report Frozen for each HandOver, in bounded time, also while suspended; but never after the
//     Lose that ended it, because another HandOver of the same term may have begun.
//   - On Evicted drop all rooms, close all sockets with 1012 and send Started with a fresh nonce.
//   - To end: DrainAsked, wait for Drained or for the patience to end, save and drop what is left,
//     Stopped, wait for Left a little. After Evicted while draining, just end.
//
// # Orders of effects
//
//   - A shard: Own, then Lose, or HandOver, Stop, Lose; or Evicted for all at once. An Aborted
//     Lose is followed by an Own for the same term in the same Step.
//   - The lease: ValidUntil, Resumed; Suspended; ValidUntil 0, Evicted or Left.
//   - Of one table: all Lose and Own, then all Moved.
//   - A node: Joined, Gone. The incarnation that Moved names need not have Joined, or may be Gone.
//
// # Invariants
//
// Of the cluster, whatever is lost, late, stale, paused or started again, while clocks run at
// rates that differ by at most 2 %. TestSimulation holds these, and TestMutantsAreFound shows that
// it sees each rule broken:
//
//  1. A shard is valid at one node at any moment.
//  2. The terms in which a shard is valid never fall.
//  3. A shard leaves a living owner only by that owner's own write.
//  4. Once faults stop, every shard gets an owner, and no node has two shards more than another.
//
// Of one node, which Check looks at:
//
//  5. What does not act is not valid: nothing is, from the Put that gives it away on.
//  6. The node has the shards that the newest table known gives it, in their terms.
//  7. No more than a batch is being handed over.
//  8. Without a lease nothing is valid.
//  9. No revision that is known is above the floor that replies must reach.
//  10. The peers are in the order of their ids.
//  11. While an incarnation lives, a timer is set.
package lease
