// Package webhook tells a server of the operator's what happens in rooms, as Standard Webhooks
// (https://www.standardwebhooks.com) specifies: a signed POST for each event.
//
// Messages makes the messages of a change, and rooms stores them in the same transaction as the
// change: see store.Queue. Run sends what is stored. So a message is sent at least once, also after
// a crash, and never of a change that was not stored. Its id is the same in each try.
//
// The messages of a room are sent in order, each once the one before it was received; those of
// different rooms at the same time. While the receiver fails, one request at a time tries it, with
// back-off. A message that was not received for Config.RetryFor is set aside, and its room goes on.
//
// The receiver's name is looked up for each connection, and only then its address is judged:
// private ones are refused, redirects are not followed, and no proxy is used.
package webhook
