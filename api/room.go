package api

import (
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// A Room lets requests to some paths be longer than others: a form with the
// text of a law, an upload. Who may send one is looked at before the body is
// read, so that strangers cannot fill the memory.
type Room struct {
	Prefix  string        // of the paths; the longest prefix that fits counts
	MaxBody int           // bytes
	Timeout time.Duration // to send it; 0 means as for others

	// Admit decides by the cookies of the request, of which it gets the value
	// by the name.
	Admit func(cookie func(name string) string) bool
}

// roomOf is the room of a path, nil if it has none.
func (s *Server) roomOf(path string) *Room {
	var best *Room
	for i := range s.cfg.Rooms {
		r := &s.cfg.Rooms[i]
		if strings.HasPrefix(path, r.Prefix) && (best == nil || len(r.Prefix) > len(best.Prefix)) {
			best = r
		}
	}
	return best
}

// allow says how long a request may be whose head has been read.
func (s *Server) allow(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	path, _, _ := strings.Cut(string(h.RequestURI()), "?")
	room := s.roomOf(path)
	if room == nil || !room.Admit(func(name string) string { return string(h.Cookie(name)) }) {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: room.MaxBody, ReadTimeout: room.Timeout}
}
