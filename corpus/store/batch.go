package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/govqa/govqa/corpus"
)

// importDrafts makes drafts of the rows. It holds the writer's slot, so that
// nobody saves a draft meanwhile. What a broken import has written is taken
// back here, or, when the process ends before, by [Store.DropBatch].
func (s *Store) importDrafts(ctx context.Context, im *importer, files []File) (Report, error) {
	b := &batch{s: s, opts: im.opts, edition: s.Edition()}
	im.out, im.claim = b, b.claim
	report, err := im.run(ctx, files)
	if err == nil && !im.opts.DryRun {
		err = b.flush(ctx)
	}
	if err != nil {
		return Report{}, errors.Join(err, s.dropBatch(context.WithoutCancel(ctx), im.opts.Actor, im.opts.Batch))
	}
	return report, nil
}

// A batch gathers drafts that are written together.
type batch struct {
	s       *Store
	opts    ImportOptions
	edition corpus.Edition
	bytes   int
	sets    []pair
	gone    [][]byte
	notes   []func()
	written int
}

// claim says why a record cannot become a draft of this batch, and whether it
// is a draft already, word for word.
func (b *batch) claim(k corpus.Key, line []byte) (saved bool, why string, err error) {
	d, err := b.s.storedDraft(k)
	switch {
	case errors.Is(err, corpus.ErrNotFound):
		return false, "", nil
	case err != nil:
		return false, "", err
	case d.Line == string(line):
		return true, "", nil
	}
	return false, fmt.Sprintf("%s 正在改这一条（%s，第 %d 稿），先处理完那份草稿再导入", d.Actor, d.State.Label(), d.Version), nil
}

// put makes a draft of a row.
func (b *batch) put(k corpus.Key, _ revision, line []byte) error {
	rec, err := record(k, line)
	if err != nil {
		return err
	}
	d := &storedDraft{Actor: b.opts.Actor, Time: now(), Base: b.edition, Line: string(line), Version: 1, State: Drafting,
		Title: corpus.Title(rec), Note: b.opts.Note, Editors: []string{b.opts.Actor}, Batch: b.opts.Batch}
	value, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("draft %s: %w", k, err)
	}
	b.sets = append(b.sets, pair{draftKey(k), value})
	b.notes = append(b.notes, func() { b.s.noteDraft(k, d) })
	if b.bytes += len(value); b.bytes >= pendingBytes/2 || len(b.sets) >= pendingCount/2 {
		return b.flush(context.Background())
	}
	return nil
}

// drop takes a draft of the batch back.
func (b *batch) drop(k corpus.Key) error {
	b.gone = append(b.gone, draftKey(k))
	b.notes = append(b.notes, func() { b.s.noteDraft(k, nil) })
	if len(b.gone) >= pendingCount/2 {
		return b.flush(context.Background())
	}
	return nil
}

// flush writes what has gathered, what was put before what was dropped, with
// one entry in the audit log.
func (b *batch) flush(ctx context.Context) error {
	for _, c := range []*commit{{sets: b.sets}, {deletes: b.gone}} {
		n := len(c.sets) - len(c.deletes)
		if n == 0 {
			continue
		}
		if b.written += n; n < 0 {
			n = 0
		}
		entry, err := newAudit(b.opts.Actor, "draft.import", b.opts.Batch, fmt.Sprintf("保存 %d 条，取回 %d 条，合计 %d 条", n, len(c.deletes), b.written))
		if err != nil {
			return err
		}
		c.audit = entry
		if _, err := b.s.commit(context.WithoutCancel(ctx), c); err != nil {
			return err
		}
	}
	for _, note := range b.notes {
		note()
	}
	b.sets, b.gone, b.notes, b.bytes = nil, nil, nil, 0
	return nil
}

// DropBatch removes the drafts of an import that nobody has touched since: of
// one that was cut short, or that its editor takes back.
func (s *Store) DropBatch(ctx context.Context, actor, name string) error {
	if strings.TrimSpace(actor) == "" {
		return ErrNoActor
	}
	if err := s.beginWrite(ctx); err != nil {
		return err
	}
	defer s.endWrite()
	return s.dropBatch(ctx, actor, name)
}

func (s *Store) dropBatch(ctx context.Context, actor, name string) error {
	list, err := s.Drafts()
	if err != nil {
		return err
	}
	b := &batch{s: s, opts: ImportOptions{Actor: actor, Batch: name}}
	for _, d := range list {
		if d.Batch != name || d.Version > 1 {
			continue
		}
		if err := b.drop(d.Key); err != nil {
			return err
		}
	}
	return b.flush(ctx)
}
