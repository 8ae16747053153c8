package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/index"
)

// A child publishes edition after edition until it is killed. Before each it
// says on standard output what it is about to do, and after each that it is
// done, so that the parent knows what every edition must hold:
//
//	plan 7 all
//	edition 7

// killGuides is how many guides the corpus of a child has, and killRemoved
// how many a removal takes away.
const (
	killGuides  = 300
	killRemoved = 10
)

// The ways of publishing an edition.
const (
	planAll    = "all"    // every guide is revised
	planOne    = "one"    // one guide is revised
	planDraft  = "draft"  // one guide is revised by way of a draft
	planRemove = "remove" // the first guides are removed
	planBack   = "back"   // the edition before the last one comes back
	planBatch  = "batch"  // every guide is revised by an import of drafts
)

func planOf(n corpus.Edition) string {
	return []string{planAll, planAll, planOne, planRemove, planBack, planDraft, planBatch}[n%7]
}

func killCode(i int) string { return fmt.Sprintf("K-%04d", i) }

// theOne is the guide that planOne and planDraft revise.
func theOne() string { return killCode(7) }

// killName is what a guide is called in the edition that revised it.
func killName(code string, n corpus.Edition) string { return fmt.Sprintf("第%d版事项%s", n, code) }

func killGuide(code string, n corpus.Edition) *corpus.Guide {
	return &corpus.Guide{
		Matter:    corpus.Matter{Code: code, Name: killName(code, n), Region: corpus.Region{Code: "990100"}},
		Condition: strings.Repeat(fmt.Sprintf("申请人应当符合第%d版规定的条件；", n), 20),
		Steps:     []string{"申请", "受理", "审查", "决定", "送达"},
	}
}

// killRows are the guides that a plan revises.
func killRows(n corpus.Edition, plan string) []*corpus.Guide {
	if plan != planAll && plan != planBatch {
		return []*corpus.Guide{killGuide(theOne(), n)}
	}
	guides := make([]*corpus.Guide, killGuides)
	for i := range guides {
		guides[i] = killGuide(killCode(i), n)
	}
	return guides
}

// publishAgainAndAgain is a child that serves no one but is a server
// otherwise: the index follows the editions as they come.
func publishAgainAndAgain(data string) error {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	a, err := openApp(ctx, data, false, log, io.Discard)
	if err != nil {
		return err
	}
	go a.follow(ctx)
	for {
		n := a.store.Edition() + 1
		fmt.Printf("plan %d %s\n", n, planOf(n))
		if err := publishPlan(ctx, a.store, n, planOf(n)); err != nil {
			return fmt.Errorf("edition %d: %w", n, err)
		}
		fmt.Printf("edition %d\n", n)
	}
}

func publishPlan(ctx context.Context, s *store.Store, n corpus.Edition, plan string) (err error) {
	switch plan {
	case planRemove:
		keys := make([]corpus.Key, 0, killRemoved)
		for rec, err := range s.All(n-1, corpus.TypeGuide) {
			if err != nil {
				return err
			}
			if keys = append(keys, rec.Key()); len(keys) == killRemoved {
				break
			}
		}
		_, err = s.Remove(ctx, "kill", "", keys)
	case planBack:
		_, err = s.Rollback(ctx, "kill", n-2, "")
	case planDraft:
		e := store.Edit{Record: killGuide(theOne(), n), Base: s.Edition()}
		if d, err := s.Draft(e.Record.Key()); err == nil { // of a child that was killed
			e.Version = d.Version
		}
		d, err := s.SaveDraft(ctx, killEditor, e)
		if err != nil {
			return err
		}
		return publishDrafts(ctx, s, []store.DraftRef{d.Ref()})
	case planBatch:
		return publishBatch(ctx, s, n)
	default:
		_, err = s.Import(ctx, []store.File{{Name: "kill", Rows: killRowsOf(n, plan)}}, store.ImportOptions{Actor: "测试"})
	}
	return err
}

// Who edits, and who reviews and publishes.
const (
	killEditor   = "编辑"
	killReviewer = "审核"
)

// publishDrafts has drafts reviewed and publishes them.
func publishDrafts(ctx context.Context, s *store.Store, refs []store.DraftRef) error {
	next := func() {
		for i := range refs {
			refs[i].Version++
		}
	}
	if err := s.SubmitDrafts(ctx, killEditor, refs); err != nil {
		return err
	}
	next()
	if err := s.ReviewDrafts(ctx, killReviewer, refs, true, ""); err != nil {
		return err
	}
	next()
	_, err := s.PublishDrafts(ctx, store.Publication{Actor: killReviewer, Drafts: refs})
	return err
}

// publishBatch imports drafts of all guides and publishes them. Drafts that a
// killed child has left are dropped first, as an editor would.
func publishBatch(ctx context.Context, s *store.Store, n corpus.Edition) error {
	left, err := s.Drafts()
	if err != nil {
		return err
	}
	for _, d := range left {
		if err := s.DropDraft(ctx, killEditor, d.Ref()); err != nil {
			return err
		}
	}
	file := store.File{Name: "kill", Rows: killRowsOf(n, planBatch)}
	if _, err := s.Import(ctx, []store.File{file}, store.ImportOptions{Actor: killEditor, Batch: "kill"}); err != nil {
		return err
	}
	drafts, err := s.Drafts()
	if err != nil {
		return err
	}
	refs := make([]store.DraftRef, len(drafts))
	for i, d := range drafts {
		refs[i] = d.Ref()
	}
	return publishDrafts(ctx, s, refs)
}

// killRowsOf are the rows of a plan's file.
func killRowsOf(n corpus.Edition, plan string) iter.Seq[corpus.Row] {
	return func(yield func(corpus.Row) bool) {
		for i, g := range killRows(n, plan) {
			if !yield(corpus.Row{N: i + 1, Record: g}) {
				return
			}
		}
	}
}

// importAgainAndAgain is a child that runs the import command in a loop; next
// is the edition that the first one publishes.
func importAgainAndAgain(data string, next corpus.Edition) error {
	for n := next; ; n++ {
		plan := planOf(n)
		if plan != planAll {
			plan = planOne
		}
		path := filepath.Join(filepath.Dir(data), "kill.jsonl")
		if err := writeGuides(path, killRows(n, plan)); err != nil {
			return err
		}
		fmt.Printf("plan %d %s\n", n, plan)
		var out bytes.Buffer
		code := run(context.Background(), []string{"import", "-data", data, path}, &out, &out)
		if code != exitOK || !strings.Contains(out.String(), fmt.Sprintf("已发布第 %d 版", n)) {
			return fmt.Errorf("import of edition %d: exit code %d: %s", n, code, out.String())
		}
		fmt.Printf("edition %d\n", n)
	}
}

func writeGuides(path string, guides []*corpus.Guide) error {
	var buf bytes.Buffer
	for _, g := range guides {
		line, err := corpus.Marshal(g)
		if err != nil {
			return err
		}
		buf.Write(append(line, '\n'))
	}
	return os.WriteFile(path, buf.Bytes(), 0o600)
}

// contents says of which edition each guide is.
type contents map[string]corpus.Edition

// A ledger is what the parent has been told of one folder.
type ledger struct {
	data    string
	acked   corpus.Edition // the last edition that is known to be published
	planned corpus.Edition // the one being written
	history map[corpus.Edition]contents
}

// read takes down one line of a child.
func (l *ledger) read(line string) error {
	var n corpus.Edition
	var plan string
	if _, err := fmt.Sscanf(line, "plan %d %s", &n, &plan); err == nil {
		// The child that was killed before may have published its plan.
		if n == l.planned+1 && l.planned == l.acked+1 {
			l.acked = l.planned
		}
		if n != l.acked+1 {
			return fmt.Errorf("a child goes on with edition %d after edition %d was acknowledged", n, l.acked)
		}
		l.planned, l.history[n] = n, l.after(n, plan)
		return nil
	}
	if _, err := fmt.Sscanf(line, "edition %d", &n); err != nil || n != l.planned {
		return fmt.Errorf("a child says %q while edition %d is planned", line, l.planned)
	}
	l.acked = n
	return nil
}

// after is what edition n holds if the plan is carried out.
func (l *ledger) after(n corpus.Edition, plan string) contents {
	next := maps.Clone(l.history[n-1])
	switch plan {
	case planBack:
		return maps.Clone(l.history[n-2])
	case planRemove:
		for _, code := range slices.Sorted(maps.Keys(next))[:killRemoved] {
			delete(next, code)
		}
	default:
		for _, g := range killRows(n, plan) {
			next[g.Code] = n
		}
	}
	return next
}

func killRounds(t *testing.T) int {
	t.Helper()
	v := os.Getenv("GOVQA_KILL_ROUNDS")
	switch {
	case v == "" && testing.Short():
		return 1
	case v == "":
		return 5
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("GOVQA_KILL_ROUNDS is %q, want a number of rounds", v)
	}
	return n
}

// killsPerFolder is how many kills one folder goes through, so that checking
// its history does not take ever longer.
const killsPerFolder = 10

func TestKill(t *testing.T) {
	rounds := killRounds(t)
	l := <-loadSegmenter()
	if l.err != nil {
		t.Fatal(l.err)
	}
	defer l.seg.Close()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	k := &killer{t: t, rng: rand.New(rand.NewPCG(seed, 0)), load: l}
	for round := range rounds {
		if round%killsPerFolder == 0 {
			k.ledger = &ledger{data: filepath.Join(t.TempDir(), "data"), history: map[corpus.Edition]contents{0: {}}}
		}
		k.round(round+1 == rounds || round%killsPerFolder == killsPerFolder-1)
	}
	t.Logf("%d rounds, %d of them checked: %d editions acknowledged; %d times the edition being written was there, %d times the index was behind",
		rounds, k.checked, k.editions, k.inFlight, k.behind)
}

type killer struct {
	t        *testing.T
	rng      *rand.Rand
	load     loadedSegmenter
	ledger   *ledger
	verified bool // the folder has been looked at since the last kill

	checked, editions, inFlight, behind int
}

// round starts a child, kills it, and looks at what it left; now and then the
// next child finds the folder just as the kill left it.
func (k *killer) round(last bool) {
	k.t.Helper()
	role := "publish"
	if (k.verified || k.ledger.planned == 0) && k.rng.IntN(3) == 0 {
		role = "import"
	}
	before := k.ledger.acked
	k.runAndKill(role)
	k.editions += int(k.ledger.acked - before)
	k.verified = last || k.rng.IntN(4) > 0
	if k.verified {
		k.verify()
	}
}

// runAndKill kills a child a random time after it has said some number of
// times that an edition is published.
func (k *killer) runAndKill(role string) {
	k.t.Helper()
	cmd := child(k.t, role, []string{childData + "=" + k.ledger.data, childNext + "=" + strconv.FormatUint(uint64(k.ledger.acked)+1, 10)})
	out, err := cmd.StdoutPipe()
	if err != nil {
		k.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	var killed bool
	if editions := k.rng.IntN(5); editions > 0 {
		k.listen(said, editions)
		killed = k.killAfter(cmd, 300*time.Millisecond)
	} else {
		killed = k.killAfter(cmd, 1500*time.Millisecond) // opening takes longer
	}
	k.listen(said, math.MaxInt)
	if err := cmd.Wait(); !killed || err == nil || err.Error() != "signal: killed" {
		k.t.Fatalf("the child has ended by itself: %v", err)
	}
}

// listen takes down what a child says until it has published so many editions
// or is gone.
func (k *killer) listen(said *bufio.Scanner, editions int) {
	k.t.Helper()
	for editions > 0 && said.Scan() {
		if err := k.ledger.read(said.Text()); err != nil {
			k.t.Fatal(err)
		}
		if strings.HasPrefix(said.Text(), "edition ") {
			editions--
		}
	}
}

// killAfter kills the child at a random moment before the longest wait is
// over. The child goes on writing meanwhile: the pipe holds what it says.
func (k *killer) killAfter(cmd *exec.Cmd, longest time.Duration) bool {
	<-time.After(time.Duration(k.rng.Int64N(int64(longest))))
	return cmd.Process.Kill() == nil
}

// verify looks at the folder: nothing acknowledged is lost, every edition is
// whole, and the index catches up with it.
func (k *killer) verify() {
	t, l := k.t, k.ledger
	t.Helper()
	k.checked++
	s, err := store.Open(storeDir(l.data), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := s.Edition()
	switch {
	case e == l.acked:
	case e == l.planned && l.planned == l.acked+1:
		k.inFlight++
	default:
		t.Fatalf("edition %d, after edition %d was acknowledged and while %d was being written", e, l.acked, l.planned)
	}
	l.acked, l.planned = e, e
	report, err := s.Check(t.Context())
	if err != nil || !report.OK() {
		t.Fatalf("check: %v %q", err, report.Findings)
	}
	requireEditions(t, s, l)
	requireDrafts(t, s)
	k.requireIndex(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// requireEditions compares the current edition, and the counts of all, with
// what the children said.
func requireEditions(t *testing.T, s *store.Store, l *ledger) {
	t.Helper()
	all, err := s.Editions()
	if err != nil || len(all) != int(l.acked) {
		t.Fatalf("%d editions, want %d: %v", len(all), l.acked, err)
	}
	for _, info := range all {
		if got, want := info.Records[corpus.TypeGuide], len(l.history[info.Number]); got != want || info.Total() != want {
			t.Errorf("edition %d has %d guides and %d records, want %d", info.Number, got, info.Total(), want)
		}
	}
	got := contents{}
	for rec, err := range s.All(l.acked, "") {
		if err != nil {
			t.Fatal(err)
		}
		g := rec.(*corpus.Guide)
		n := l.history[l.acked][g.Code]
		if diff := cmp.Diff(killGuide(g.Code, n), g); diff != "" {
			t.Errorf("edition %d: guide %s (-want +got):\n%s", l.acked, g.Code, diff)
		}
		got[g.Code] = n
	}
	if diff := cmp.Diff(l.history[l.acked], got); diff != "" {
		t.Errorf("edition %d (-want +got):\n%s", l.acked, diff)
	}
}

// requireDrafts makes sure that no draft is left of what has been published.
func requireDrafts(t *testing.T, s *store.Store) {
	t.Helper()
	left, err := s.Drafts()
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range left {
		d, err := s.Draft(info.Key)
		if err != nil {
			t.Fatal(err)
		}
		live, err := s.Get(info.Key)
		if err != nil && !errors.Is(err, corpus.ErrNotFound) {
			t.Fatal(err)
		}
		if live != nil && cmp.Equal(live, d.Record) {
			t.Errorf("edition %d: the draft of %s is published and still there", s.Edition(), d.Key)
		}
	}
}

// requireIndex brings the index up and compares it with the store, titles too.
func (k *killer) requireIndex(s *store.Store) {
	t, l := k.t, k.ledger
	t.Helper()
	ix, err := index.Open(indexDir(l.data), k.load.seg, k.load.lex, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if ix.Edition() != s.Edition() {
		k.behind++
	}
	if e, err := ix.CatchUp(t.Context(), s); err != nil || e != s.Edition() {
		t.Fatalf("the index is at edition %d, the store at %d: %v", e, s.Edition(), err)
	}
	missing, extra, err := ix.Compare(s)
	if err != nil || len(missing) > 0 || len(extra) > 0 {
		t.Fatalf("the index lacks %v and has too much %v: %v", missing, extra, err)
	}
	hits, err := ix.List(index.Filter{}, killGuides+1)
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]string{}, map[string]string{}
	for _, h := range hits {
		got[h.Key.ID] = h.Title
	}
	for code, n := range l.history[l.acked] {
		want[code] = killName(code, n)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the index at edition %d (-want +got):\n%s", s.Edition(), diff)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
}
