package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus"
)

// SubmitDrafts hands drafts to the reviewers. Like every step with drafts it
// is done for all of them or, if it cannot be for one, for none: the error
// then joins what is wrong with each.
func (s *Store) SubmitDrafts(ctx context.Context, actor string, refs []DraftRef) error {
	return s.moveDrafts(ctx, actor, "draft.submit", "", refs, func(d *storedDraft) error {
		if d.State != Drafting && d.State != Returned {
			return stateError(d, Drafting, Returned)
		}
		d.State = Submitted
		return nil
	})
}

// ReviewDrafts approves submitted drafts or returns them to their editors,
// for which a remark is needed. A reviewer who has edited a draft since it was
// last approved is refused with ErrOwnWork.
func (s *Store) ReviewDrafts(ctx context.Context, actor string, refs []DraftRef, approve bool, remark string) error {
	remark = strings.TrimSpace(remark)
	action, to := "draft.approve", Approved
	if !approve {
		action, to = "draft.return", Returned
		if remark == "" {
			return fmt.Errorf("退回：%w", ErrNoReason)
		}
	}
	return s.moveDrafts(ctx, actor, action, remark, refs, func(d *storedDraft) error {
		if d.State != Submitted {
			return stateError(d, Submitted)
		}
		if slices.Contains(d.Editors, actor) {
			return ErrOwnWork
		}
		d.State, d.Reviewer, d.Reviewed, d.Remark = to, actor, now(), remark
		return nil
	})
}

// ScheduleDrafts has approved drafts published when a time has come; the zero
// time takes them off the schedule.
func (s *Store) ScheduleDrafts(ctx context.Context, actor string, refs []DraftRef, at time.Time) error {
	action, detail, to := "draft.schedule", at.Format(time.RFC3339), Scheduled
	if at.IsZero() {
		action, detail, to = "draft.unschedule", "", Approved
	}
	return s.moveDrafts(ctx, actor, action, detail, refs, func(d *storedDraft) error {
		if !d.settled() {
			return stateError(d, Approved, Scheduled)
		}
		d.State, d.At, d.Planner = to, at.UTC(), actor
		return nil
	})
}

func stateError(d *storedDraft, want ...State) error {
	var names []string
	for _, w := range want {
		names = append(names, w.Label())
	}
	return fmt.Errorf("%w：现为%s，应为%s", ErrState, d.State.Label(), strings.Join(names, "或"))
}

// Label says the state as an editor reads it.
func (st State) Label() string {
	switch st {
	case Drafting:
		return "草稿"
	case Submitted:
		return "待审核"
	case Returned:
		return "已退回"
	case Approved:
		return "已审核"
	case Scheduled:
		return "已排期"
	}
	return "未知"
}

// moveDrafts changes the state of drafts. Each change is audited by itself.
func (s *Store) moveDrafts(ctx context.Context, actor, action, detail string, refs []DraftRef, move func(*storedDraft) error) error {
	if err := s.beginWrite(ctx); err != nil {
		return err
	}
	defer s.endWrite()
	refs = distinctRefs(refs)
	drafts, err := s.draftsAt(refs)
	if err != nil {
		return err
	}
	var errs []error
	commits := make([]*commit, len(refs))
	for i, d := range drafts {
		if err := move(d); err != nil {
			errs = append(errs, fmt.Errorf("%s「%s」：%w", refs[i].Key, d.Title, err))
			continue
		}
		d.Version++
		if commits[i], err = draftCommit(actor, action, detail, refs[i].Key, d); err != nil {
			return err
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return s.commitDrafts(ctx, refs, drafts, commits)
}

func distinctRefs(refs []DraftRef) []DraftRef {
	refs = slices.Clone(refs)
	slices.SortFunc(refs, func(a, b DraftRef) int { return compareKeys(a.Key, b.Key) })
	return slices.CompactFunc(refs, func(a, b DraftRef) bool { return a.Key == b.Key })
}

// draftsAt reads the drafts that refs name, all of them or none.
func (s *Store) draftsAt(refs []DraftRef) ([]*storedDraft, error) {
	drafts := make([]*storedDraft, len(refs))
	var errs []error
	for i, ref := range refs {
		if ref.Version == 0 {
			errs = append(errs, fmt.Errorf("draft %s: %w", ref.Key, corpus.ErrNotFound))
			continue
		}
		d, err := s.draftAt(ref)
		if err != nil {
			errs = append(errs, err)
		}
		drafts[i] = d
	}
	return drafts, errors.Join(errs...)
}

// commitDrafts writes changed drafts. They are handed over together, so that
// many go to the disk at once.
func (s *Store) commitDrafts(ctx context.Context, refs []DraftRef, drafts []*storedDraft, commits []*commit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, c := range commits {
		c.done = make(chan error, 1)
		s.commits <- c
	}
	var errs []error
	for i, c := range commits {
		if err := <-c.done; err != nil {
			errs = append(errs, err)
			continue
		}
		s.noteDraft(refs[i].Key, drafts[i])
	}
	return errors.Join(errs...)
}
