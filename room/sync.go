package room

import "usher/protocol"

// playback is where the film is, as far as SyncMessages on the socket have reported.
type playback struct {
	video   protocol.VideoState
	host    protocol.VideoState
	hasHost bool
	url     string
}

// state returns the playback part of a roomState. sinceMs is when nothing had been reported yet.
func (p *playback) state(sinceMs int64) (protocol.VideoState, *protocol.VideoState, string) {
	if p == nil {
		return protocol.VideoState{PlaybackRate: 1, LastUpdated: sinceMs}, nil, ""
	}
	if !p.hasHost {
		return p.video, nil, p.url
	}
	host := p.host
	return p.video, &host, p.url
}

// sync relays a SyncMessage for peers whose data channel fails. In HOST_ONLY only those of the host
// and of cohosts pass, and CLIENT_REQUEST_* go to the host. A viewer's never pass, requests
// included, because the host's client may obey them without asking.
func (s *step) sync(c *conn, m *protocol.Message) {
	request := m.Type >= protocol.ClientRequestPlay && m.Type <= protocol.ClientRequestSeek
	hostOnly := s.mode == protocol.HostOnly
	if !s.controls(c.seat) && !(request && c.seat.role == protocol.Guest) {
		s.bounce(c, m, protocol.CodeControlDenied)
		return
	}
	switch {
	case request && hostOnly:
		s.forwardTo(c, m, s.host)
		return
	case m.TargetUserID == nil && s.busy():
		s.bounce(c, m, protocol.CodeRoomBusy)
		return
	case !request:
		s.watch(c, m)
	}
	switch target := s.seatOf(m.TargetUserID); {
	case m.TargetUserID == nil:
		s.forwardToOthers(c.seat)
	case target == c.seat && !request:
		// To oneself: the others have it by their data channels, and it is only reported to the
		// room.
	default:
		s.forwardTo(c, m, target)
	}
}

// watch keeps what the message reports about the film, with the server's clock.
func (s *step) watch(c *conn, m *protocol.Message) {
	if s.playback == nil {
		video, _, _ := s.playback.state(s.createdAtMs)
		s.playback = &playback{video: video}
	}
	p, byHost := s.playback, s.leads(c.seat)
	if m.URL != "" && (byHost || m.Type == protocol.HostNavigate) {
		p.url = m.URL
	}
	if m.Type != protocol.HostNavigate {
		advance(&p.video, s.nowMs)
		if m.Playback != protocol.Seek {
			p.video.IsPlaying = m.Playback == protocol.Play
		}
		if m.HasTime {
			p.video.CurrentTime = m.Time
		}
		if m.URL != "" {
			p.video.URL = m.URL
		}
		if byHost {
			p.host, p.hasHost = p.video, true
		}
	}
	s.saveLater()
}

// advance moves a playing video to where it is now.
func advance(v *protocol.VideoState, nowMs int64) {
	if v.IsPlaying && nowMs > v.LastUpdated {
		v.CurrentTime += float64(nowMs-v.LastUpdated) / 1000 * v.PlaybackRate
	}
	v.LastUpdated = nowMs
}
