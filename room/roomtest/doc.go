// Package roomtest replays transcripts on a room.
//
// A transcript is a text of blocks. Each block has event lines, "----", and the effects of those
// events, up to an empty line. Lines that start with # are comments.
//
//	open ann [from HOME]     a connection named ann; HOME stands for its address
//	ann > TYPE k=v -k …      a message of the user "ann"; "ann2" is another connection of the
//	                         same user; v is JSON or else a text with + for spaces, to= is
//	                         targetUserId=, -k leaves k out
//	ann >> TEXT              a raw frame, with Go's escapes if it is quoted
//	ann exceeded             a message of ann's, when her address has sent more than it may
//	ann binary               a binary frame
//	ann ! 1006               the connection is gone with that code
//	wait 40s                 time passes, and the alarm fires if it comes due
//	restart [clean]          the room is restored from its snapshot; clean, if it was its last
//	refuse CODE|nothing      what the store would refuse from now on
//	refuse-create CODE|nothing
//	refuse-seat CODE|nothing
//	operator close|door|kick|ban|unban|role|mode|announce k=v …
//	                         an operator does that: to=, role=, mode=, entry=, max=, listed=,
//	                         passcode=none, text=
//	hashes wait|done|fail    the hashes of passcodes take their time from now on, or all that wait
//	                         are done, or there are none from now on
//	config k=v               a setting of the room, at the top only
//
// The effects:
//
//	ann < TYPE k=v …         sent; a roomState is abbreviated: the host with *, whoever is away
//	                         in ()
//	bob << ann               ann's frame is forwarded to bob
//	ann x 1000               the room closes it
//	save, save later, delete
//	created HOME, ended HOME the room begins or ceases to exist; HOME is its creator's address
//	alarm 40s                set to that long from now
//	ann hash                 a passcode is to be hashed, which is done at once unless hashes wait
//	ann refused CODE         noted before the ERROR, and "bounced" before the UNDELIVERED
//	operator done            the act was carried out, or "operator refused CODE"
//	report user.left k=v …   an occurrence, after "config report=true"
//
// The resume token that a seat got with ann's connection is written $ann, and so are the knock
// token and the owner token. A door is written as its entry and whatever else it has, and left out
// if it is that of a new room.
package roomtest
