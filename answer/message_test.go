package answer

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

// A letterBox is a Mailbox in memory.
type letterBox struct {
	mu      sync.Mutex
	kept    map[string]KeptMessage
	replies map[string][]MessageReply
	err     error
}

func (b *letterBox) Keep(_ context.Context, m KeptMessage) (KeptMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if there, ok := b.kept[m.Number]; ok || b.err != nil {
		return there, b.err
	}
	b.kept[m.Number] = m
	return m, nil
}

func (b *letterBox) Find(_ context.Context, number string) (KeptMessage, []MessageReply, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, ok := b.kept[number]
	if !ok {
		return m, nil, corpus.ErrNotFound
	}
	return m, b.replies[number], nil
}

func mailEngine(t *testing.T) (*Engine, *letterBox) {
	box := &letterBox{kept: map[string]KeptMessage{}, replies: map[string][]MessageReply{}}
	return newEngine(t, newMemory(), func(c *Config) { c.Mailbox = box }), box
}

func leave(t *testing.T, e *Engine, m Message) Receipt {
	t.Helper()
	r, err := e.Leave(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLeaveAndLookUp(t *testing.T) {
	e, box := mailEngine(t)
	m := Message{Kind: "投诉", Text: " 窗口排队太久 ", Contact: "13900000000", Name: "王", ID: "form-1"}
	r := leave(t, e, m)
	if len(r.Number) != 12 || len(r.Code) != 8 || !r.Received.Equal(today) {
		t.Fatalf("receipt %+v", r)
	}
	want := MessageStatus{Number: r.Number, Kind: "投诉", Text: "窗口排队太久", Status: MessageReceived, Received: today, Replies: []MessageReply{}}
	for _, written := range [][2]string{{r.Number, r.Code}, {r.Number[:4] + " " + r.Number[4:8] + "-" + r.Number[8:], " " + r.Code[:4] + "　" + r.Code[4:]}} {
		got, err := e.MessageStatus(t.Context(), written[0], written[1])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
	}
	if kept := box.kept[r.Number]; kept.CodeHash == "" || strings.Contains(kept.CodeHash, r.Code) {
		t.Errorf("the code itself is kept: %+v", kept)
	}
	box.replies[r.Number] = []MessageReply{{Number: r.Number, Agency: "市政务服务中心", Text: "已增开窗口", Time: today.Add(time.Hour)}}
	got, err := e.MessageStatus(t.Context(), r.Number, r.Code)
	if err != nil || got.Status != MessageAnswered || len(got.Replies) != 1 || got.Replies[0].Text != "已增开窗口" {
		t.Errorf("answered: %+v, %v", got, err)
	}
}

// What is sent again because the reply was lost is kept once.
func TestLeaveTwice(t *testing.T) {
	e, box := mailEngine(t)
	m := Message{Kind: "咨询", Text: "几点开门", ID: "form-1"}
	first := leave(t, e, m)
	if again := leave(t, e, m); again != first || len(box.kept) != 1 {
		t.Errorf("sent twice: %+v, %+v, %d kept", first, again, len(box.kept))
	}
	m.Text = "几点关门"
	if other := leave(t, e, m); other.Number == first.Number || len(box.kept) != 2 {
		t.Errorf("another text under the same id is lost: %+v", other)
	}
	m.ID = ""
	if a, b := leave(t, e, m), leave(t, e, m); a.Number == b.Number {
		t.Error("messages without an id are taken for one")
	}
}

// A number that another message has is not given again.
func TestLeaveNumberTaken(t *testing.T) {
	e, box := mailEngine(t)
	m := Message{Kind: "咨询", Text: "几点开门", ID: "form-1"}
	first := leave(t, e, m)
	taken := box.kept[first.Number]
	taken.CodeHash, taken.Message.Text = "other", "别人的话"
	box.kept[first.Number] = taken
	if r := leave(t, e, m); r.Number == first.Number || box.kept[first.Number].Message.Text != "别人的话" {
		t.Errorf("receipt %+v takes another's place", r)
	}
}

func TestLeaveRefused(t *testing.T) {
	e, box := mailEngine(t)
	long := strings.Repeat("长", MaxMessage+1)
	for why, m := range map[string]Message{
		"no kind": {Text: "x"}, "an unknown kind": {Kind: "x", Text: "x"}, "no text": {Kind: "咨询", Text: " \n"}, "too long": {Kind: "咨询", Text: long},
		"no region": {Kind: "咨询", Text: "x", Region: "44"}, "a long contact": {Kind: "咨询", Text: "x", Contact: long}, "a long id": {Kind: "咨询", Text: "x", ID: long},
	} {
		if _, err := e.Leave(t.Context(), m); !errors.Is(err, ErrBadMessage) {
			t.Errorf("%s: %v, want ErrBadMessage", why, err)
		}
	}
	box.err = errors.New("disk full")
	if _, err := e.Leave(t.Context(), Message{Kind: "咨询", Text: "x"}); !errors.Is(err, box.err) {
		t.Errorf("a full disk: %v", err)
	}
	r := Receipt{Number: "482103957716", Code: "39062215"}
	if _, err := e.MessageStatus(t.Context(), r.Number, r.Code); !errors.Is(err, corpus.ErrNotFound) {
		t.Errorf("an unknown number: %v", err)
	}
	box.err = nil
	kept := leave(t, e, Message{Kind: "咨询", Text: "x"})
	if _, err := e.MessageStatus(t.Context(), kept.Number, r.Code); !errors.Is(err, corpus.ErrNotFound) {
		t.Errorf("a wrong code: %v", err)
	}
	none := newEngine(t, newMemory())
	if _, err := none.Leave(t.Context(), Message{Kind: "咨询", Text: "x"}); !errors.Is(err, ErrNoMailbox) {
		t.Errorf("without a mailbox: %v", err)
	}
}

func TestEvents(t *testing.T) {
	e := sampleEngine(t)
	events, err := e.Events(t.Context(), "990102")
	if err != nil || len(events) < 20 {
		t.Fatalf("%d life events, %v", len(events), err)
	}
	event, err := e.Event(t.Context(), "AL-B-001")
	if err != nil {
		t.Fatal(err)
	}
	if event.Name != "新生儿出生一件事" || event.Steps != len(event.Matters) || event.Steps < 5 {
		t.Errorf("event %+v", event.LifeEvent)
	}
	done := map[string]bool{}
	for _, s := range event.Matters {
		for _, before := range s.After {
			if !done[before] {
				t.Errorf("%s comes before %s, which it needs", s.Title, before)
			}
		}
		done[s.Title] = true
	}
	shared := 0
	names := map[string]bool{}
	for _, m := range event.Materials {
		if names[m.Name] {
			t.Errorf("%s stands twice in the merged list", m.Name)
		}
		names[m.Name] = true
		if len(m.Uses) > 1 {
			shared++
		}
		for _, u := range m.Uses {
			g, err := e.Guide(t.Context(), u.Code)
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, of := range g.Materials {
				found = found || m.Name+u.About == materialLine(of)
			}
			if !found {
				t.Errorf("%s%s is not what the guide %s says", m.Name, u.About, g.Name)
			}
		}
	}
	if shared == 0 {
		t.Error("no material is asked for by two matters: nothing is merged")
	}
	if _, err := e.Event(t.Context(), "none"); !errors.Is(err, corpus.ErrNotFound) {
		t.Errorf("an unknown event: %v", err)
	}
}

func TestAround(t *testing.T) {
	e := sampleEngine(t)
	g, err := e.Guide(t.Context(), "AL-HJ-001")
	if err != nil {
		t.Fatal(err)
	}
	a, err := e.Around(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Next) == 0 || a.Next[0].Reason == "" || len(a.Events) == 0 {
		t.Errorf("around %s: %+v", g.Name, a)
	}
	withdrawal := 0
	for rec, err := range e.Corpus.All(e.Edition(), corpus.TypeGuide) {
		if err != nil {
			t.Fatal(err)
		}
		if one := rec.(*corpus.Guide); one.Parent == "住房公积金提取" {
			withdrawal++
			g = one
		}
	}
	a, err = e.Around(t.Context(), g)
	if err != nil || len(a.Situations) != withdrawal-1 {
		t.Errorf("%s has %d other situations, want %d (%v)", g.Name, len(a.Situations), withdrawal-1, err)
	}
}
