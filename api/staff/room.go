package staff

import (
	"time"

	"github.com/govqa/govqa/api"
)

// Room lets those who are logged in send requests of up to so many bytes to
// the paths with a prefix.
func (s *Staff) Room(prefix string, maxBody int, timeout time.Duration) api.Room {
	return api.Room{Prefix: prefix, MaxBody: maxBody, Timeout: timeout, Admit: s.carries}
}

// carries reports whether the cookies are those of somebody who is logged in.
// It lets nobody in: that is for the route to decide.
func (s *Staff) carries(cookie func(name string) string) bool {
	for _, prefix := range []string{hostPrefix, plainPrefix} {
		token := cookie(prefix + "session")
		if token == "" {
			continue
		}
		st, err := s.readSession(hashOf(token))
		if err != nil || st.Stage != stageFull {
			continue
		}
		if _, err := s.holder(st); err == nil {
			return true
		}
	}
	return false
}
