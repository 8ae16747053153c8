package store

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

// save saves a draft over whatever draft of the record there is.
func save(t *testing.T, s *Store, actor string, rec corpus.Record) DraftInfo {
	t.Helper()
	e := Edit{Record: rec, Base: s.Edition()}
	if d, err := s.Draft(rec.Key()); err == nil {
		e.Version = d.Version
	}
	d, err := s.SaveDraft(t.Context(), actor, e)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// approved saves a draft and has it approved by somebody else.
func approved(t *testing.T, s *Store, rec corpus.Record) DraftRef {
	t.Helper()
	return approve(t, s, save(t, s, "编辑", rec).Ref())
}

// approve submits a draft and approves it.
func approve(t *testing.T, s *Store, ref DraftRef) DraftRef {
	t.Helper()
	if err := s.SubmitDrafts(t.Context(), "编辑", []DraftRef{ref}); err != nil {
		t.Fatal(err)
	}
	ref.Version++
	if err := s.ReviewDrafts(t.Context(), "审核", []DraftRef{ref}, true, ""); err != nil {
		t.Fatal(err)
	}
	ref.Version++
	return ref
}

func publish(t *testing.T, s *Store, refs ...DraftRef) EditionInfo {
	t.Helper()
	info, err := s.PublishDrafts(t.Context(), Publication{Actor: "发布", Drafts: refs})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestDraftsBecomeAnEdition(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	importAll(t, s, guide("A", "甲"))
	a, b := approved(t, s, guide("A", "甲稿")), approved(t, s, guide("B", "<乙>稿"))
	save(t, s, "王编辑", guide("C", "丙稿"))
	save(t, s, "王编辑", guide("C", "丙再稿"))
	if diff := cmp.Diff(map[string]string{"A": "甲"}, names(t, s, s.Edition())); diff != "" {
		t.Errorf("drafts are visible:\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	d, err := s.Draft(key("C"))
	if err != nil || d.Actor != "王编辑" || d.Base != 1 || d.Version != 2 || d.Record.(*corpus.Guide).Name != "丙再稿" {
		t.Errorf("draft C = %+v, %v", d, err)
	}
	if _, err := s.PublishDrafts(t.Context(), Publication{Actor: "李主任", Drafts: []DraftRef{a, {key("Z"), 0}}}); !errors.Is(err, corpus.ErrNotFound) {
		t.Errorf("publishing a draft that is not there: %v", err)
	}
	info, err := s.PublishDrafts(t.Context(), Publication{Actor: "李主任", Note: "审核通过", Drafts: []DraftRef{a, b}})
	if err != nil {
		t.Fatal(err)
	}
	if info.Actor != "李主任" || info.Added != 1 || info.Changed != 1 || info.Number != 2 {
		t.Errorf("edition %+v", info)
	}
	if diff := cmp.Diff(map[string]string{"A": "甲稿", "B": "<乙>稿"}, names(t, s, 2)); diff != "" {
		t.Errorf("corpus (-want +got):\n%s", diff)
	}
	left, err := s.Drafts()
	if err != nil || len(left) != 1 || left[0].Key != key("C") {
		t.Errorf("drafts left: %+v, %v", left, err)
	}
	mustCheck(t, s)
}

func TestDraftsThatCannotBe(t *testing.T) {
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"))
	var fault *corpus.FieldError
	if _, err := s.SaveDraft(t.Context(), "编辑", Edit{Record: guide("A", "")}); !errors.As(err, &fault) || fault.Field != "name" {
		t.Errorf("a draft without a name: %v", err)
	}
	if _, err := s.SaveDraft(t.Context(), " ", Edit{Record: guide("B", "乙")}); !errors.Is(err, ErrNoActor) {
		t.Errorf("a draft of nobody: %v", err)
	}
	ref := approved(t, s, guide("A", "甲"))
	if _, err := s.PublishDrafts(t.Context(), Publication{Actor: "发布", Drafts: []DraftRef{ref}}); !errors.Is(err, ErrUnchanged) {
		t.Errorf("a draft that changes nothing: %v", err)
	}
	if err := s.DropDraft(t.Context(), "编辑", ref); err != nil {
		t.Fatal(err)
	}
	if err := s.DropDraft(t.Context(), "编辑", ref); !errors.Is(err, ErrConflict) {
		t.Errorf("dropping twice: %v", err)
	}
	if _, err := s.Remove(t.Context(), "编辑", "", make([]corpus.Key, MaxKeys+1)); !errors.Is(err, ErrTooMany) {
		t.Errorf("too many keys: %v", err)
	}
	if _, err := s.Remove(t.Context(), "编辑", "", []corpus.Key{key("A"), key("Z")}); !errors.Is(err, corpus.ErrNotFound) {
		t.Errorf("removing what is not there: %v", err)
	}
	mustCheck(t, s)
}

func TestRollbackPublishesTheOlderContentAgain(t *testing.T) {
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"), guide("B", "乙"))
	importAll(t, s, guide("A", "错"), guide("C", "丙"))
	if _, err := s.Remove(t.Context(), "编辑", "", []corpus.Key{key("B")}); err != nil {
		t.Fatal(err)
	}
	info, err := s.Rollback(t.Context(), "李主任", 1, "撤回错误发布")
	if err != nil {
		t.Fatal(err)
	}
	if info.Number != 4 || info.Added != 1 || info.Changed != 1 || info.Removed != 1 {
		t.Errorf("edition %+v", info)
	}
	first, err := s.EditionAt(1)
	if err != nil || first.Sum != info.Sum {
		t.Errorf("sum %s, of edition 1 %s, %v", info.Sum, first.Sum, err)
	}
	if diff := cmp.Diff(names(t, s, 1), names(t, s, 4)); diff != "" {
		t.Errorf("corpus (-want +got):\n%s", diff)
	}
	if _, err := s.Rollback(t.Context(), "李主任", 1, ""); !errors.Is(err, ErrUnchanged) {
		t.Errorf("rolling back twice: %v", err)
	}
	if _, err := s.Rollback(t.Context(), "李主任", 9, ""); !errors.Is(err, ErrNoEdition) {
		t.Errorf("rolling back to the future: %v", err)
	}
	mustCheck(t, s)
}
