package store

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

func TestDraftsBecomeAnEdition(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	importAll(t, s, guide("A", "甲"))
	for _, g := range []*corpus.Guide{guide("A", "甲稿"), guide("B", "<乙>稿"), guide("C", "丙稿"), guide("C", "丙再稿")} {
		if err := s.SaveDraft(t.Context(), "王编辑", g); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(map[string]string{"A": "甲"}, names(t, s, s.Edition())); diff != "" {
		t.Errorf("drafts are visible:\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	d, err := s.Draft(key("C"))
	if err != nil || d.Actor != "王编辑" || d.Base != 1 || d.Record.(*corpus.Guide).Name != "丙再稿" {
		t.Errorf("draft C = %+v, %v", d, err)
	}
	if _, err := s.PublishDrafts(t.Context(), "李主任", "", []corpus.Key{key("A"), key("Z")}); !errors.Is(err, corpus.ErrNotFound) {
		t.Errorf("publishing a draft that is not there: %v", err)
	}
	info, err := s.PublishDrafts(t.Context(), "李主任", "审核通过", []corpus.Key{key("A"), key("B")})
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
	if err := s.SaveDraft(t.Context(), "编辑", guide("A", "")); !errors.As(err, &fault) || fault.Field != "name" {
		t.Errorf("a draft without a name: %v", err)
	}
	if err := s.SaveDraft(t.Context(), "编辑", guide("A", "甲")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PublishDrafts(t.Context(), "编辑", "", []corpus.Key{key("A")}); !errors.Is(err, ErrUnchanged) {
		t.Errorf("a draft that changes nothing: %v", err)
	}
	if err := s.DropDraft(t.Context(), "编辑", key("A")); err != nil {
		t.Fatal(err)
	}
	if err := s.DropDraft(t.Context(), "编辑", key("A")); !errors.Is(err, corpus.ErrNotFound) {
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
