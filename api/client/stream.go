package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
)

// A StreamEvent is one step of a streamed answer.
type StreamEvent struct {
	Name string // meta, card, wording, delta, sources, done

	// Card is the whole answer, of the event card.
	Card *Answer
	// Text is a sentence, of the event delta.
	Text string
	// Data is the event's JSON.
	Data json.RawMessage
}

// ErrCut means that a stream ended before the answer did.
var ErrCut = errors.New("client: the stream was cut off")

// maxEvent is the length in bytes of the longest event that is read.
const maxEvent = 4 << 20

// Stream asks a question and yields the answer as it comes. An error is the
// last that it yields: a Problem of the service, or [ErrCut].
func (c *Client) Stream(ctx context.Context, q AskBody) iter.Seq2[StreamEvent, error] {
	return func(yield func(StreamEvent, error) bool) {
		on := true
		q.Stream = &on
		req, err := c.request(ctx, http.MethodPost, "/api/v1/ask", nil, q)
		if err != nil {
			yield(StreamEvent{}, err)
			return
		}
		resp, err := c.send(req)
		if err != nil {
			yield(StreamEvent{}, err)
			return
		}
		defer resp.Body.Close()
		if err := readEvents(resp.Body, func(e StreamEvent) bool { return yield(e, nil) }); err != nil {
			yield(StreamEvent{}, err)
		}
	}
}

// errEnough means that the reader wants no more.
var errEnough = errors.New("enough")

// readEvents gives each event to take until one ends the stream.
func readEvents(r io.Reader, take func(StreamEvent) bool) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	name := ""
	for lines.Scan() {
		line := lines.Text()
		if n, ok := strings.CutPrefix(line, "event: "); ok {
			name = n
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue // a comment, or what ends an event
		}
		done, err := readEvent(name, []byte(data), take)
		if errors.Is(err, errEnough) || done {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(ErrCut, lines.Err())
}

func readEvent(name string, data []byte, take func(StreamEvent) bool) (done bool, err error) {
	e := StreamEvent{Name: name, Data: data}
	switch name {
	case "error":
		p := &Problem{}
		if err := json.Unmarshal(data, p); err != nil {
			return false, fmt.Errorf("client: event error: %w", err)
		}
		return false, p
	case "card":
		err = json.Unmarshal(data, &e.Card)
	case "delta":
		var d struct{ Text string }
		err = json.Unmarshal(data, &d)
		e.Text = d.Text
	}
	if err != nil {
		return false, fmt.Errorf("client: event %s: %w", name, err)
	}
	if !take(e) {
		return false, errEnough
	}
	return name == "done", nil
}
