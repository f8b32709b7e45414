package protocol

// Frame is a received text frame with what Decode made of it.
type Frame struct {
	Bytes   []byte
	Message Message
	// Err is a *DecodeError, nil if Message is good.
	Err error
}

// Decode sets Message and Err. Message points into Bytes.
func (f *Frame) Decode(frame []byte) {
	f.Bytes = frame
	f.Message, f.Err = Decode(frame)
}
