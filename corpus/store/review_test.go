package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

// A step of somebody with a draft of guide A, and what must come of it.
type step struct {
	who, does string
	want      error
	state     State // after it
}

// TestReview walks the ways that a draft can take. The store itself keeps
// reviewers from their own work, whoever calls it.
func TestReview(t *testing.T) {
	tests := []struct {
		why   string
		steps []step
	}{
		{"the straight way", []step{
			{"甲", "edit", nil, Drafting}, {"甲", "submit", nil, Submitted}, {"乙", "approve", nil, Approved}, {"丙", "publish", nil, ""}}},
		{"what was never submitted cannot be approved", []step{
			{"甲", "edit", nil, Drafting}, {"乙", "approve", ErrState, Drafting}}},
		{"what was never approved cannot be published", []step{
			{"甲", "edit", nil, Drafting}, {"丙", "publish", ErrState, Drafting}, {"甲", "submit", nil, Submitted}, {"丙", "publish", ErrState, Submitted}}},
		{"what was never approved cannot be scheduled", []step{
			{"甲", "edit", nil, Drafting}, {"甲", "submit", nil, Submitted}, {"丙", "schedule", ErrState, Submitted}}},
		{"nobody approves their own work", []step{
			{"甲", "edit", nil, Drafting}, {"甲", "submit", nil, Submitted}, {"甲", "approve", ErrOwnWork, Submitted}, {"甲", "return", ErrOwnWork, Submitted}}},
		{"nor work that they had a hand in", []step{
			{"甲", "edit", nil, Drafting}, {"乙", "edit", nil, Drafting}, {"乙", "submit", nil, Submitted},
			{"甲", "approve", ErrOwnWork, Submitted}, {"乙", "approve", ErrOwnWork, Submitted}, {"丙", "approve", nil, Approved}}},
		{"an edit while it is reviewed takes it back, and its editor out of the reviewers", []step{
			{"甲", "edit", nil, Drafting}, {"甲", "submit", nil, Submitted}, {"乙", "edit", nil, Drafting},
			{"乙", "submit", nil, Submitted}, {"乙", "approve", ErrOwnWork, Submitted}}},
		{"a returned draft keeps its editors", []step{
			{"甲", "edit", nil, Drafting}, {"甲", "submit", nil, Submitted}, {"乙", "return", nil, Returned}, {"乙", "edit", nil, Drafting},
			{"乙", "submit", nil, Submitted}, {"甲", "approve", ErrOwnWork, Submitted}, {"丙", "approve", nil, Approved}}},
		{"an edit after the approval must be approved anew, by anyone but its editor", []step{
			{"甲", "edit", nil, Drafting}, {"甲", "submit", nil, Submitted}, {"乙", "approve", nil, Approved}, {"乙", "edit", nil, Drafting},
			{"丙", "publish", ErrState, Drafting}, {"乙", "submit", nil, Submitted}, {"乙", "approve", ErrOwnWork, Submitted}, {"甲", "approve", nil, Approved}}},
		{"a draft is returned only with a reason", []step{
			{"甲", "edit", nil, Drafting}, {"甲", "submit", nil, Submitted}, {"乙", "return in silence", ErrNoReason, Submitted}}},
		{"a schedule can be taken back", []step{
			{"甲", "edit", nil, Drafting}, {"甲", "submit", nil, Submitted}, {"乙", "approve", nil, Approved},
			{"丙", "schedule", nil, Scheduled}, {"丙", "unschedule", nil, Approved}, {"丙", "publish", nil, ""}}},
		{"a removal goes the same way", []step{
			{"甲", "remove", nil, Drafting}, {"甲", "submit", nil, Submitted}, {"甲", "approve", ErrOwnWork, Submitted},
			{"乙", "approve", nil, Approved}, {"丙", "publish", nil, ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			s := open(t, t.TempDir())
			importAll(t, s, guide("A", "甲"))
			for i, st := range tt.steps {
				if err := take(t, s, st.who, st.does); !errors.Is(err, st.want) {
					t.Fatalf("step %d: %s tries to %s: %v, want %v", i+1, st.who, st.does, err, st.want)
				}
				d, err := s.Draft(key("A"))
				if st.state == "" && errors.Is(err, corpus.ErrNotFound) {
					continue
				}
				if err != nil || d.State != st.state {
					t.Fatalf("step %d: after %s tries to %s the draft is %q, want %q (%v)", i+1, st.who, st.does, d.State, st.state, err)
				}
			}
			mustCheck(t, s)
		})
	}
}

// take does one step with the draft of guide A as it is.
func take(t *testing.T, s *Store, who, does string) error {
	ctx := t.Context()
	d, err := s.Draft(key("A"))
	if err != nil && !errors.Is(err, corpus.ErrNotFound) {
		t.Fatal(err)
	}
	refs := []DraftRef{{key("A"), d.Version}}
	switch does {
	case "edit":
		_, err = s.SaveDraft(ctx, who, Edit{Record: guide("A", "甲 "+who), Version: d.Version, Base: s.Edition()})
	case "remove":
		_, err = s.SaveDraft(ctx, who, Edit{Key: key("A"), Version: d.Version, Base: s.Edition()})
	case "submit":
		err = s.SubmitDrafts(ctx, who, refs)
	case "approve":
		err = s.ReviewDrafts(ctx, who, refs, true, "")
	case "return":
		err = s.ReviewDrafts(ctx, who, refs, false, "费用没有依据")
	case "return in silence":
		err = s.ReviewDrafts(ctx, who, refs, false, " ")
	case "schedule":
		err = s.ScheduleDrafts(ctx, who, refs, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	case "unschedule":
		err = s.ScheduleDrafts(ctx, who, refs, time.Time{})
	case "publish":
		_, err = s.PublishDrafts(ctx, Publication{Actor: who, Drafts: refs})
	default:
		t.Fatalf("nobody can %s", does)
	}
	return err
}

// Of two editors at once the second is told, and nothing of the first is lost.
func TestTwoEditors(t *testing.T) {
	ctx := t.Context()
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"))
	first, err := s.SaveDraft(ctx, "甲", Edit{Record: guide("A", "甲一"), Base: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveDraft(ctx, "乙", Edit{Record: guide("A", "乙一"), Base: 1}); !errors.Is(err, ErrConflict) {
		t.Errorf("a second first draft: %v", err)
	}
	if _, err := s.SaveDraft(ctx, "乙", Edit{Record: guide("A", "乙二"), Version: first.Version, Base: 1}); err != nil {
		t.Errorf("an edit of the draft as it is: %v", err)
	}
	if _, err := s.SaveDraft(ctx, "甲", Edit{Record: guide("A", "甲二"), Version: first.Version, Base: 1}); !errors.Is(err, ErrConflict) {
		t.Errorf("an edit of the draft as it was: %v", err)
	}
	d, err := s.Draft(key("A"))
	if err != nil || d.Record.(*corpus.Guide).Name != "乙二" || d.Version != 2 {
		t.Errorf("draft %+v, %v", d, err)
	}
	if diff := cmp.Diff([]string{"甲", "乙"}, d.Editors); diff != "" {
		t.Errorf("editors (-want +got):\n%s", diff)
	}
}

// A record that is published anew while a draft of it waits is not overwritten.
func TestPublishedMeanwhile(t *testing.T) {
	ctx := t.Context()
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"), guide("B", "乙"))
	a, b := approved(t, s, guide("A", "甲稿")), approved(t, s, guide("B", "乙稿"))
	importAll(t, s, guide("A", "甲令"))
	if _, err := s.PublishDrafts(ctx, Publication{Actor: "发布", Drafts: []DraftRef{a, b}}); !errors.Is(err, ErrConflict) || !strings.Contains(err.Error(), "第 2 版") {
		t.Errorf("publishing over edition 2: %v", err)
	}
	if _, err := s.SaveDraft(ctx, "编辑", Edit{Record: guide("A", "甲令稿"), Version: a.Version, Base: 1}); !errors.Is(err, ErrConflict) {
		t.Errorf("an edit by somebody who has not seen edition 2: %v", err)
	}
	if diff := cmp.Diff(map[string]string{"A": "甲令", "B": "乙"}, names(t, s, s.Edition())); diff != "" {
		t.Errorf("corpus (-want +got):\n%s", diff)
	}
	d, err := s.SaveDraft(ctx, "编辑", Edit{Record: guide("A", "甲令稿"), Version: a.Version, Base: 2})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, s, approve(t, s, d.Ref()), b)
	if diff := cmp.Diff(map[string]string{"A": "甲令稿", "B": "乙稿"}, names(t, s, s.Edition())); diff != "" {
		t.Errorf("corpus (-want +got):\n%s", diff)
	}
}

// One draft that cannot take a step keeps the others from it.
func TestAllOrNone(t *testing.T) {
	s := open(t, t.TempDir())
	a, b := save(t, s, "甲", guide("A", "甲")), save(t, s, "乙", guide("B", "乙"))
	if err := s.SubmitDrafts(t.Context(), "甲", []DraftRef{a.Ref(), b.Ref()}); err != nil {
		t.Fatal(err)
	}
	refs := []DraftRef{{a.Key, 2}, {b.Key, 2}}
	err := s.ReviewDrafts(t.Context(), "甲", refs, true, "")
	if !errors.Is(err, ErrOwnWork) || strings.Contains(err.Error(), "guide/B") {
		t.Errorf("approving one's own among others: %v", err)
	}
	list, err := s.Drafts()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.State != Submitted {
			t.Errorf("%s is %s", d.Key, d.State)
		}
	}
}

func TestSchedule(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	s := open(t, dir)
	importAll(t, s, guide("A", "甲"), guide("B", "乙"), guide("C", "丙"))
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	refs := []DraftRef{approved(t, s, guide("A", "甲稿")), approved(t, s, guide("B", "乙稿"))}
	if err := s.ScheduleDrafts(ctx, "发布", refs, noon); err != nil {
		t.Fatal(err)
	}
	gone, err := s.SaveDraft(ctx, "编辑", Edit{Key: key("C"), Base: s.Edition()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ScheduleDrafts(ctx, "发布", []DraftRef{approve(t, s, gone.Ref())}, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PublishDue(ctx, noon.Add(-time.Second)); !errors.Is(err, ErrUnchanged) {
		t.Errorf("a second early: %v", err)
	}
	importAll(t, s, guide("B", "乙令"))

	if err := s.Close(); err != nil { // the schedule outlives the process
		t.Fatal(err)
	}
	s = open(t, dir)
	if at, ok, err := s.NextDue(); !ok || err != nil || !at.Equal(noon) {
		t.Errorf("next due %v, %v, %v", at, ok, err)
	}
	info, err := s.PublishDue(ctx, noon)
	if err != nil || info.Actor != BySystem || info.Changed != 1 {
		t.Errorf("edition %+v, %v", info, err)
	}
	if _, err := s.PublishDue(ctx, noon); !errors.Is(err, ErrUnchanged) {
		t.Errorf("once more: %v", err)
	}
	b, err := s.Draft(key("B"))
	if err != nil || b.State != Approved || !strings.Contains(b.Remark, "又发布过修改") {
		t.Errorf("what could not be published: %+v, %v", b, err)
	}
	if _, err := s.PublishDue(ctx, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"A": "甲稿", "B": "乙令"}, names(t, s, s.Edition())); diff != "" {
		t.Errorf("corpus (-want +got):\n%s", diff)
	}
	if _, ok, err := s.NextDue(); ok || err != nil {
		t.Errorf("something is due still: %v", err)
	}
	mustCheck(t, s)
}

func TestGate(t *testing.T) {
	ctx := t.Context()
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"))
	ref := approved(t, s, guide("A", "坏"))
	var seen []corpus.Change
	s.SetGate(func(_ context.Context, changes []corpus.Change) (GateReport, error) {
		seen = changes
		return GateReport{Summary: "hit@1 0.91 → 0.50", Failures: []string{"“办甲”没有找到"}}, nil
	})
	_, err := s.PublishDrafts(ctx, Publication{Actor: "发布", Drafts: []DraftRef{ref}, Override: "  "})
	var objection *GateError
	if !errors.Is(err, ErrGate) || !errors.As(err, &objection) || objection.Report.Summary != "hit@1 0.91 → 0.50" {
		t.Errorf("publishing in spite of the gate: %v", err)
	}
	if diff := cmp.Diff([]corpus.Change{{Key: key("A"), Record: guide("A", "坏")}}, seen); diff != "" {
		t.Errorf("the gate saw (-want +got):\n%s", diff)
	}
	if err := s.ScheduleDrafts(ctx, "发布", []DraftRef{ref}, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PublishDue(ctx, time.Unix(1, 0)); !errors.Is(err, ErrGate) {
		t.Errorf("a schedule in spite of the gate: %v", err)
	}
	d, err := s.Draft(key("A"))
	if err != nil || d.State != Approved || !strings.Contains(d.Remark, "hit@1") {
		t.Fatalf("draft %+v, %v", d, err)
	}
	info, err := s.PublishDrafts(ctx, Publication{Actor: "发布", Note: "新规", Drafts: []DraftRef{d.Ref()}, Override: "题目已过时"})
	if err != nil || info.Note != "新规；越过发布前检查：题目已过时" {
		t.Errorf("edition %+v, %v", info, err)
	}
	var overrides []string
	for e, err := range s.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action == "gate.override" {
			overrides = append(overrides, e.Actor+"："+e.Detail)
		}
	}
	if want := []string{"发布：题目已过时；未通过发布前检查：hit@1 0.91 → 0.50；“办甲”没有找到"}; !cmp.Equal(want, overrides) {
		t.Errorf("audit: %q, want %q", overrides, want)
	}
}

// A gate that fails is no gate that has passed.
func TestBrokenGate(t *testing.T) {
	s := open(t, t.TempDir())
	ref := approved(t, s, guide("A", "甲"))
	broken := errors.New("no judged questions")
	s.SetGate(func(context.Context, []corpus.Change) (GateReport, error) { return GateReport{Passed: true}, broken })
	if _, err := s.PublishDrafts(t.Context(), Publication{Actor: "发布", Drafts: []DraftRef{ref}, Override: "急"}); !errors.Is(err, broken) {
		t.Errorf("publishing past a broken gate: %v", err)
	}
}

func TestImportOfDrafts(t *testing.T) {
	ctx := t.Context()
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"), guide("B", "乙"))
	save(t, s, "王编辑", guide("B", "乙稿"))
	opts := ImportOptions{Actor: "导入", Batch: "一批", Note: "部门导出", SkipRejected: true}
	var changed []string
	opts.Changed = func(row int, before, after corpus.Record) {
		was := ""
		if before != nil {
			was = corpus.Title(before)
		}
		changed = append(changed, fmt.Sprintf("%d %s→%s", row, was, corpus.Title(after)))
	}
	file := func() []File {
		return []File{{"f", rows(guide("A", "甲改"), guide("B", "乙改"), guide("C", "丙"), guide("D", ""))}}
	}
	for _, dry := range []bool{true, false} {
		opts.DryRun, changed = dry, nil
		report, err := s.Import(ctx, file(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Counts{Rows: 4, Accepted: 1, Changed: 1, RejectedRows: 2}); report.Total != want || report.Edition != 0 {
			t.Errorf("dry %v: %+v, want %+v", dry, report.Total, want)
		}
		if why := report.Files[0].Rejected[0].Why; !strings.Contains(why, "王编辑 正在改") {
			t.Errorf("dry %v: guide B is rejected because %q", dry, why)
		}
		if diff := cmp.Diff([]string{"1 甲→甲改", "3 →丙"}, changed); diff != "" {
			t.Errorf("dry %v: differences (-want +got):\n%s", dry, diff)
		}
		if list, _ := s.Drafts(); dry && len(list) != 1 {
			t.Errorf("a dry run left drafts: %+v", list)
		}
	}
	if s.Edition() != 1 {
		t.Errorf("the import has published edition %d", s.Edition())
	}
	again, err := s.Import(ctx, file(), opts)
	if err != nil || again.Total.Unchanged != 2 || again.Total.Accepted+again.Total.Changed != 0 {
		t.Errorf("the same once more: %+v, %v", again.Total, err)
	}
	d, err := s.Draft(key("C"))
	if err != nil || d.Batch != "一批" || d.State != Drafting || d.Note != "部门导出" {
		t.Errorf("draft C: %+v, %v", d, err)
	}
	save(t, s, "王编辑", guide("C", "丙细改"))
	if err := s.DropBatch(ctx, "导入", "一批"); err != nil {
		t.Fatal(err)
	}
	var left []string
	list, err := s.Drafts()
	for _, d := range list {
		left = append(left, d.Title)
	}
	if diff := cmp.Diff([]string{"乙稿", "丙细改"}, left); diff != "" || err != nil {
		t.Errorf("drafts after the batch was taken back (-want +got):\n%s%v", diff, err)
	}
	mustCheck(t, s)
}

// What a broken import has written is taken back, whatever broke it.
func TestImportOfDraftsThatBreaks(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	long := func(yield func(corpus.Row) bool) {
		for i := range 4 * pendingCount {
			if i == 3*pendingCount {
				cancel()
			}
			if !yield(corpus.Row{N: i + 1, Record: guide(fmt.Sprintf("G%05d", i), "名")}) {
				return
			}
		}
	}
	if _, err := s.Import(ctx, []File{{"f", long}}, ImportOptions{Actor: "导入", Batch: "一批"}); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled: %v", err)
	}
	if list, err := s.Drafts(); err != nil || len(list) > 0 {
		t.Errorf("%d drafts are left: %v", len(list), err)
	}
	bad := []File{{"bad", rows(guide("A", "甲"), guide("B", ""))}, {"good", rows(guide("C", "丙"))}}
	report, err := s.Import(t.Context(), bad, ImportOptions{Actor: "导入", Batch: "二批"})
	if err != nil || report.Files[0].Applied || !report.Files[1].Applied {
		t.Errorf("report %+v, %v", report, err)
	}
	if list, err := s.Drafts(); err != nil || len(list) != 1 || list[0].Key != key("C") {
		t.Errorf("drafts %+v, %v", list, err)
	}
	mustCheck(t, s)
}

// A crash between an edition and the deletion of its drafts leaves neither a
// draft of it nor one too few.
func TestDraftsLeftByACrash(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	importAll(t, s, guide("A", "甲"))
	a, b := approved(t, s, guide("A", "甲稿")), approved(t, s, guide("B", "乙稿"))
	c := save(t, s, "编辑", guide("C", "丙稿"))
	kept := map[string][]byte{}
	for _, k := range []corpus.Key{a.Key, b.Key} {
		value, err := s.get(draftKey(k))
		if err != nil {
			t.Fatal(err)
		}
		kept[k.ID] = value
	}
	info := publish(t, s, a, b)
	if err := s.db.Update(func(txn *badger.Txn) error { // as if the process had ended after the header
		mark := binary.BigEndian.AppendUint64(nil, uint64(info.Number))
		return errors.Join(txn.Set([]byte(clearingKey), mark), txn.Set(draftKey(key("A")), kept["A"]), txn.Set(draftKey(key("B")), kept["B"]))
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	list, err := s.Drafts()
	if err != nil || len(list) != 1 || list[0].Ref() != c.Ref() {
		t.Errorf("drafts %+v, %v", list, err)
	}
	if mark, err := s.get([]byte(clearingKey)); mark != nil || err != nil {
		t.Errorf("the mark is there still: %v %v", mark, err)
	}
	mustCheck(t, s)
}
