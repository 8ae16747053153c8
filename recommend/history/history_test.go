package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

var testKey = []byte("0123456789abcdef0123456789abcdef")

// today is the day of these tests.
var today = time.Date(2026, 6, 15, 9, 0, 0, 0, time.UTC)

func testOptions() Options {
	return Options{Key: testKey, Now: func() time.Time { return today }, CheckpointInterval: time.Hour}
}

func open(t testing.TB, dir string, change ...func(*Options)) *Store {
	t.Helper()
	o := testOptions()
	for _, c := range change {
		c(&o)
	}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func add(t testing.TB, s *Store, events ...Event) Receipt {
	t.Helper()
	r, err := s.Append(t.Context(), events)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func did(subject, matter, act string, daysAgo int) Event {
	return Event{Subject: subject, Matter: matter, Type: act, Time: today.AddDate(0, 0, -daysAgo), Region: "440106"}
}

// clean fails unless the counts are those of a clean recount.
func clean(t testing.TB, s *Store) {
	t.Helper()
	n, err := s.Check(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if n != 0 {
		t.Errorf("%d parts of the counts differ from a clean recount", n)
	}
}

func TestEventCountsOnce(t *testing.T) {
	s := open(t, t.TempDir())
	birth := did("甲", "出生登记", "finish", 30)
	named := birth
	named.ID, named.Matter = "e-1", "医保参保"
	other := named
	other.Subject = "乙"
	steps := []struct {
		why  string
		e    Event
		want Receipt
	}{
		{"a new event", birth, Receipt{Accepted: 1}},
		{"the same again", birth, Receipt{Repeated: 1}},
		{"one with an id", named, Receipt{Accepted: 1}},
		{"the same id again", named, Receipt{Repeated: 1}},
		{"the same id of another person", other, Receipt{Accepted: 1}},
	}
	for _, st := range steps {
		if diff := cmp.Diff(st.want, add(t, s, st.e)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", st.why, diff)
		}
	}
	if got := s.Model().Size().Visits; got != 3 {
		t.Errorf("%d visits counted", got)
	}
	if r := add(t, s, birth, birth); r.Repeated != 2 {
		t.Errorf("twice in one batch: %+v", r)
	}
}

func TestBadEventsAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	tests := []struct {
		why    string
		change func(*Event)
		want   error
	}{
		{"no subject", func(e *Event) { e.Subject = "" }, ErrBadSubject},
		{"an identity card", func(e *Event) { e.Subject = "11010519491231002X" }, ErrBadSubject},
		{"a mobile number", func(e *Event) { e.Subject = "13800138000" }, ErrBadSubject},
		{"a credit code", func(e *Event) { e.Subject = "91350100M000100Y43" }, ErrBadSubject},
		{"no matter", func(e *Event) { e.Matter = "" }, ErrBadEvent},
		{"an unknown type", func(e *Event) { e.Type = "buy" }, ErrBadEvent},
		{"a region that is none", func(e *Event) { e.Region = "44" }, ErrBadEvent},
		{"a time to come", func(e *Event) { e.Time = today.AddDate(0, 0, 3) }, ErrBadEvent},
	}
	for _, tt := range tests {
		e := did("甲", "出生登记", "finish", 3)
		tt.change(&e)
		if _, err := s.Append(t.Context(), []Event{did("乙", "户口", "view", 1), e}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.why, err, tt.want)
		}
	}
	if n := s.Model().Size().Visits; n != 0 {
		t.Errorf("%d events of refused calls were kept", n)
	}
}

func TestLateEventTakesItsOwnTime(t *testing.T) {
	s := open(t, t.TempDir())
	add(t, s, did("甲", "出生登记", "finish", 30), did("甲", "生育津贴", "finish", 5))
	add(t, s, did("甲", "医保参保", "finish", 20)) // late
	_, _, events, err := s.Personal(t.Context(), "甲", 10)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, e := range events {
		order = append(order, e.Matter)
	}
	if diff := cmp.Diff([]string{"生育津贴", "医保参保", "出生登记"}, order); diff != "" {
		t.Errorf("newest first (-want +got):\n%s", diff)
	}
	if n, of := s.Model().Passages("医保参保", "生育津贴"); n != 1 || of != 1 {
		t.Errorf("late event led to what came after in %d of %d people", n, of)
	}
	if n, _ := s.Model().Passages("生育津贴", "医保参保"); n != 0 {
		t.Error("late event counted after what came later")
	}
	clean(t, s)
}

// randomEvents are events of a few people over a few matters, in no order.
func randomEvents(seed uint64, n int) []Event {
	rng := rand.New(rand.NewPCG(seed, 1))
	acts := []string{"view", "ask", "start", "finish", "finish", "withdraw"}
	events := make([]Event, n)
	for i := range events {
		events[i] = did(fmt.Sprintf("p%d", rng.IntN(40)), fmt.Sprintf("m%d", rng.IntN(30)), acts[rng.IntN(len(acts))], rng.IntN(900))
		events[i].Time = events[i].Time.Add(time.Duration(rng.IntN(86400)) * -time.Second)
		events[i].ID = fmt.Sprintf("%d-%d", seed, i)
		events[i].Region = []corpus.RegionCode{"440106", "440300", "", "330102"}[rng.IntN(4)]
	}
	return events
}

// The counts after any order of arrival, after a restart, after an erasure
// and after a merger are those of a clean recount.
func TestCountsAreAFunctionOfHistories(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 20 {
		add(t, s, randomEvents(uint64(i), 60)...)
	}
	clean(t, s)
	before := s.Model()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	clean(t, s)
	if n := before.Differs(s.Model()); n != 0 {
		t.Errorf("%d parts of the counts changed by a restart", n)
	}
	if _, err := s.Erase(t.Context(), "p7"); err != nil {
		t.Fatal(err)
	}
	if err := s.Succeed(t.Context(), "m3", "m4"); err != nil {
		t.Fatal(err)
	}
	clean(t, s)
	add(t, s, randomEvents(99, 60)...)
	clean(t, s)
	before = s.Model()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := before.Differs(open(t, dir).Model()); n != 0 {
		t.Errorf("%d parts of the counts changed by a restart after a merger", n)
	}
}

func TestSwitchOff(t *testing.T) {
	s := open(t, t.TempDir())
	add(t, s, did("甲", "出生登记", "finish", 30))
	off := func(p *Profile) { p.Off = true }
	if _, err := s.Personalize(t.Context(), "甲", off); err != nil {
		t.Fatal(err)
	}
	_, p, events, err := s.Personal(t.Context(), "甲", 10)
	if err != nil || p.Personal() || events != nil {
		t.Errorf("history read although switched off: %v %v %v", p, events, err)
	}
	if r := add(t, s, did("甲", "医保参保", "view", 1)); r.Ignored != 1 {
		t.Errorf("remembered although switched off: %+v", r)
	}
	if _, err := s.Personalize(t.Context(), "甲", func(p *Profile) { p.Off = false }); err != nil {
		t.Fatal(err)
	}
	if _, _, events, _ := s.Personal(t.Context(), "甲", 10); len(events) != 1 {
		t.Errorf("%d events after switching on again", len(events))
	}
	if _, err := s.Personalize(t.Context(), "甲", func(p *Profile) { p.Minor = true }); err != nil {
		t.Fatal(err)
	}
	if _, _, events, _ := s.Personal(t.Context(), "甲", 10); len(events) != 0 {
		t.Error("a minor's history was read")
	}
}

// Erasing leaves no byte of the person: not the pseudonym, not an id or a
// channel that only they had.
func TestEraseLeavesNoByte(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 300 {
		e := did("消失的人", fmt.Sprintf("m%d", i%9), "finish", i%700)
		e.ID, e.Channel = fmt.Sprintf("SECRET-ID-%d", i), "SECRET-CHANNEL"
		add(t, s, e, did(fmt.Sprintf("留下%d", i%20), fmt.Sprintf("m%d", i%11), "finish", i%500))
	}
	add(t, s, did("留下的人", "m1", "finish", 3))
	if _, err := s.Personalize(t.Context(), "消失的人", func(p *Profile) { p.Region = "440106" }); err != nil {
		t.Fatal(err)
	}
	key, err := s.Person("消失的人")
	if err != nil {
		t.Fatal(err)
	}
	secrets := [][]byte{key[:], []byte("SECRET-ID"), []byte("SECRET-CHANNEL")}
	if n := grep(t, dir, secrets); n == 0 {
		t.Fatal("the search finds nothing even before erasing")
	}
	done, err := s.Erase(t.Context(), "消失的人")
	if err != nil {
		t.Fatal(err)
	}
	if done.Events != 300 {
		t.Errorf("%d events erased", done.Events)
	}
	if n := grep(t, dir, secrets); n != 0 {
		t.Errorf("%d files still have bytes of an erased person", n)
	}
	clean(t, s)
	got, err := s.Export(t.Context(), "消失的人")
	if err != nil || len(got.Events) != 0 || got.Profile != (Profile{}) {
		t.Errorf("export after erasing: %+v %v", got, err)
	}
	if got, _ := s.Export(t.Context(), "留下的人"); len(got.Events) != 1 {
		t.Error("another person's events went too")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := grep(t, dir, secrets); n != 0 {
		t.Errorf("%d files have bytes of an erased person after closing", n)
	}
	clean(t, open(t, dir))
}

// grep counts the files of dir that have one of the byte strings.
func grep(t *testing.T, dir string, what [][]byte) (n int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range what {
			if bytes.Contains(b, w) {
				t.Logf("%s (%d bytes) has %q", e.Name(), len(b), w)
				n++
				break
			}
		}
	}
	return n
}

func TestRetention(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	add(t, s, did("甲", "出生登记", "finish", 700), did("甲", "医保参保", "finish", 10), did("乙", "出生登记", "finish", 800))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, func(o *Options) { o.Keep = 365 * 24 * time.Hour })
	if err := s.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Export(t.Context(), "甲")
	if err != nil || len(got.Events) != 1 || got.Events[0].Matter != "医保参保" {
		t.Errorf("kept %+v, %v", got.Events, err)
	}
	if got, _ := s.Export(t.Context(), "乙"); len(got.Events) != 0 {
		t.Errorf("kept %+v", got.Events)
	}
	if _, of := s.Model().Passages("出生登记", ""); of != 0 {
		t.Errorf("%d people are still counted", of)
	}
	if r := add(t, s, did("丙", "出生登记", "finish", 400)); r.Ignored != 1 {
		t.Errorf("an event too old to be kept: %+v", r)
	}
	clean(t, s)
}

func TestMergedMatterIsFollowed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 5 {
		add(t, s, did(fmt.Sprint("p", i), "旧事项", "finish", 30), did(fmt.Sprint("p", i), "后续", "finish", 20))
	}
	if err := s.Succeed(t.Context(), "旧事项", "新事项"); err != nil {
		t.Fatal(err)
	}
	if n, of := s.Model().Passages("新事项", "后续"); n != 5 || of != 5 {
		t.Errorf("%d of %d went on from the successor", n, of)
	}
	add(t, s, did("p9", "旧事项", "finish", 3))
	if _, _, events, _ := s.Personal(t.Context(), "p9", 9); events[0].Matter != "新事项" {
		t.Errorf("history names %q", events[0].Matter)
	}
	if err := s.Succeed(t.Context(), "新事项", "旧事项"); !errors.Is(err, ErrBadEvent) {
		t.Errorf("a ring of successors: %v", err)
	}
	clean(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	clean(t, s)
	if n, of := s.Model().Passages("新事项", "后续"); n != 5 || of != 6 {
		t.Errorf("after a restart %d of %d", n, of)
	}
}
