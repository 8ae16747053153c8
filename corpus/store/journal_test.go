package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAppendedFactsAreThereInOrder(t *testing.T) {
	const writers, each = 16, 25
	dir := t.TempDir()
	s := open(t, dir)
	var mu sync.Mutex
	want := map[uint64]string{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				data := fmt.Sprintf(`{"w":%d,"i":%d}`, w, i)
				seq, err := s.Append(context.Background(), ByCitizen, Fact{Type: "feedback", Data: json.RawMessage(data)})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				want[seq] = data
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(want) != writers*each {
		t.Fatalf("%d different sequence numbers for %d facts", len(want), writers*each)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	got := map[uint64]string{}
	last := uint64(0)
	for f, err := range s.Facts(0) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Seq != last+1 || f.Time.IsZero() {
			t.Fatalf("fact %+v after %d", f, last)
		}
		last = f.Seq
		got[f.Seq] = string(f.Data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	mustCheck(t, s)
}

func TestFactsBeginAfterASequenceNumber(t *testing.T) {
	s := open(t, t.TempDir())
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for i := range 3 {
		if _, err := s.Append(t.Context(), ByCitizen, Fact{Type: fmt.Sprint("t", i), Time: at}); err != nil {
			t.Fatal(err)
		}
	}
	for after, want := range [][]string{{"t0", "t1", "t2"}, {"t1", "t2"}, {"t2"}, nil, nil} {
		var got []string
		for f, err := range s.Facts(uint64(after)) {
			if err != nil || !f.Time.Equal(at) {
				t.Fatal(f, err)
			}
			got = append(got, f.Type)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %d (-want +got):\n%s", after, diff)
		}
	}
	for f, err := range s.Facts(0) {
		if err != nil || f.Seq != 1 {
			t.Errorf("first fact %+v, %v", f, err)
		}
		break
	}
}

func TestFactsThatAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	tests := []struct {
		name string
		fact Fact
	}{
		{"no type", Fact{Data: json.RawMessage(`{}`)}},
		{"not JSON", Fact{Type: "x", Data: json.RawMessage(`{`)}},
		{"too long", Fact{Type: "x", Data: json.RawMessage(`"` + strings.Repeat("a", MaxFact) + `"`)}},
		{"the type of a publication", Fact{Type: FactEdition}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := s.Append(t.Context(), ByCitizen, tt.fact); !errors.Is(err, ErrBadFact) {
				t.Errorf("error %v, want ErrBadFact", err)
			}
		})
	}
	if seq, err := s.Append(t.Context(), ByCitizen, Fact{Type: "x"}); err != nil || seq != 1 {
		t.Errorf("the first good fact is %d, %v", seq, err)
	}
}

func TestAPublicationIsAFact(t *testing.T) {
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"))
	for f, err := range s.Facts(0) {
		var info EditionInfo
		if err != nil || f.Type != FactEdition || json.Unmarshal(f.Data, &info) != nil {
			t.Fatalf("fact %+v, %v", f, err)
		}
		if diff := cmp.Diff(s.Current(), info); diff != "" {
			t.Errorf("header (-current +fact):\n%s", diff)
		}
	}
}

func TestAppendWhileClosingIsWrittenOrRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	acked := make([]uint64, 8)
	var wg sync.WaitGroup
	started := make(chan bool, len(acked))
	for w := range acked {
		wg.Go(func() {
			for i := 0; ; i++ {
				seq, err := s.Append(context.Background(), ByCitizen, Fact{Type: "x"})
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
				acked[w] = seq
				if i == 0 {
					started <- true
				}
			}
		})
	}
	for range acked {
		<-started
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	s = open(t, dir)
	last, err := s.lastFact()
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range acked {
		if seq > last {
			t.Errorf("fact %d was acknowledged, the journal ends at %d", seq, last)
		}
	}
	mustCheck(t, s)
}

func TestFollowFacts(t *testing.T) {
	s := open(t, t.TempDir())
	if n := s.LastFact(); n != 0 {
		t.Errorf("a new journal ends at fact %d", n)
	}
	type arrival struct {
		last uint64
		err  error
	}
	arrived := make(chan arrival)
	go func() {
		last, err := s.FollowFacts(t.Context(), 0)
		arrived <- arrival{last, err}
	}()
	seq, err := s.Append(t.Context(), ByCitizen, Fact{Type: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if a := <-arrived; a.err != nil || a.last != seq {
		t.Errorf("after an append: fact %d, %v; want %d", a.last, a.err, seq)
	}
	if last, err := s.FollowFacts(t.Context(), seq-1); err != nil || last != seq {
		t.Errorf("of what is there already: fact %d, %v", last, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.FollowFacts(ended, seq); !errors.Is(err, context.Canceled) {
		t.Errorf("when the caller gives up: %v", err)
	}
	go func() {
		_, err := s.FollowFacts(t.Context(), seq)
		arrived <- arrival{err: err}
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if a := <-arrived; !errors.Is(a.err, ErrClosed) {
		t.Errorf("when the store is closed: %v", a.err)
	}
}
