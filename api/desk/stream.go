package desk

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/api/staff"
)

// How long one stream lasts, after which the page takes up the next one, and
// how often a silent one says that it is alive. A stream must end before the
// server's time to write a reply is over.
const (
	streamLife  = 25 * time.Second
	streamBeat  = 10 * time.Second
	streamRetry = 250 * time.Millisecond
)

// events tells of the changes of one call, or of all calls to a supervisor:
// an event "call" for each, with its id and version. It begins with the state
// as it is, so that nothing is missed between two streams.
func (s *Server) events(_ context.Context, c *fiber.Ctx, who staff.Session) error {
	id := c.Params("id")
	watch := s.desk.Watch(id) // before the state is read: what changes meanwhile is told
	first, err := s.versions(who, id)
	if err != nil {
		watch.Stop()
		return err
	}
	c.Set(fiber.HeaderContentType, "text/event-stream; charset=utf-8")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer watch.Stop()
		s.tell(w, watch, first)
	})
	return nil
}

// versions are the calls that a stream tells of, as they are.
func (s *Server) versions(who staff.Session, id string) (map[string]uint64, error) {
	if id != "" {
		call, err := s.desk.Call(staffOf(who), id)
		return map[string]uint64{id: call.Version}, err
	}
	calls, err := s.desk.Live(staffOf(who))
	all := map[string]uint64{}
	for _, c := range calls {
		all[c.ID] = c.Version
	}
	return all, err
}

// tell writes events until the page is gone, the stream's time is over or the
// service ends.
func (s *Server) tell(w *bufio.Writer, watch *desk.Watch, first map[string]uint64) {
	fmt.Fprintf(w, "retry: %d\n\n", streamRetry.Milliseconds())
	if send(w, first) != nil {
		return
	}
	end := time.NewTimer(streamLife)
	defer end.Stop()
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for {
		select {
		case <-watch.Woken():
			if send(w, watch.Take()) != nil {
				return
			}
		case <-beat.C:
			fmt.Fprint(w, ": wait\n\n")
			if w.Flush() != nil {
				return
			}
		case <-end.C:
			return
		case <-s.stop:
			return
		}
	}
}

// send writes the changed calls; its error means that nobody reads any more.
func send(w *bufio.Writer, calls map[string]uint64) error {
	for _, id := range slices.Sorted(maps.Keys(calls)) {
		data, err := json.Marshal(map[string]any{"id": id, "version": calls[id]})
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "event: call\ndata: %s\n\n", data)
	}
	return w.Flush()
}
