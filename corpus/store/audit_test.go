package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/corpus"
)

// trail returns the whole audit log as "actor action object detail".
func trail(t testing.TB, s *Store) (lines []string) {
	t.Helper()
	for e, err := range s.AuditTrail(0) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(strings.Join([]string{e.Actor, e.Action, e.Object, e.Detail}, " ")))
	}
	return lines
}

// put is a change that gives a document a value; "" deletes it.
func put(value string) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) {
		if value == "" {
			return nil, nil
		}
		return []byte(value), nil
	}
}

const goodPassword = "七月的风吹过三座桥去看海潮又回来"

func TestEveryChangeIsAudited(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	importAll(t, s, guide("A", "甲"), guide("B", "乙"))
	draft := save(t, s, "小李", guide("A", "甲二")).Ref()
	must(s.DropDraft(ctx, "小李", save(t, s, "小李", guide("B", "乙二")).Ref()))
	must(s.SubmitDrafts(ctx, "小李", []DraftRef{draft}))
	must(s.ReviewDrafts(ctx, "老陈", []DraftRef{{draft.Key, 2}}, false, "名称不对"))
	must(s.SubmitDrafts(ctx, "小李", []DraftRef{{draft.Key, 3}}))
	must(s.ReviewDrafts(ctx, "老陈", []DraftRef{{draft.Key, 4}}, true, ""))
	must(s.ScheduleDrafts(ctx, "王主任", []DraftRef{{draft.Key, 5}}, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)))
	_, err := s.PublishDrafts(ctx, Publication{Actor: "王主任", Note: "改名", Drafts: []DraftRef{{draft.Key, 6}}})
	must(err)
	_, err = s.Rollback(ctx, "王主任", 1, "改错了")
	must(err)
	_, err = s.Remove(ctx, "王主任", "", []corpus.Key{key("B")})
	must(err)
	must(s.AddUser(ctx, "命令", "小张", []string{"reviewer", "editor"}, goodPassword))
	must(s.SetRoles(ctx, "root", "小张", []string{"auditor"}))
	must(s.SetRoles(ctx, "root", "小张", []string{"auditor"})) // no change
	must(s.SetPassword(ctx, "小张", "小张", goodPassword+"吗"))
	must(s.DisableUser(ctx, "root", "小张"))
	must(s.EnableUser(ctx, "root", "小张"))
	must(s.EndSessions(ctx, "root", "小张"))
	must(s.PutDoc(ctx, "小李", "gap", "g1", put("1")))
	must(s.PutDoc(ctx, "小李", "gap", "g1", put("1"))) // no change
	must(s.PutDoc(ctx, "小李", "gap", "g1", put("2")))
	must(s.PutDoc(ctx, "小李", "gap", "g1", put("")))
	must(s.PutDoc(ctx, "小李", "session", "x", put("1")))
	_, err = s.Append(ctx, "key:热线", Fact{Type: "message.reply", Object: "7"})
	must(err)
	_, err = s.Append(ctx, ByCitizen, Fact{Type: "question"})
	must(err)
	must(s.Audit(ctx, "审计员\n伪造一行", "audit.export", "", "全部"))

	want := []string{
		"测试 edition.import 1 新增 2 修改 0 删除 0 合计 2",
		"小李 draft.save guide/A 第 1 稿",
		"小李 draft.save guide/B 第 1 稿",
		"小李 draft.drop guide/B 小李",
		"小李 draft.submit guide/A 第 2 稿",
		"老陈 draft.return guide/A 第 3 稿：名称不对",
		"小李 draft.submit guide/A 第 4 稿",
		"老陈 draft.approve guide/A 第 5 稿",
		"王主任 draft.schedule guide/A 第 6 稿：2026-12-01T00:00:00Z",
		"王主任 edition.drafts 2 新增 0 修改 1 删除 0 合计 2；改名",
		"王主任 edition.rollback 3 新增 0 修改 1 删除 0 合计 2；改错了",
		"王主任 edition.remove 4 新增 0 修改 0 删除 1 合计 1",
		"命令 user.add 小张 editor reviewer",
		"root user.roles 小张 editor reviewer → auditor",
		"小张 user.password 小张",
		"root user.disable 小张",
		"root user.enable 小张",
		"root user.sessions 小张",
		"小李 gap g1 新增",
		"小李 gap g1 修改",
		"小李 gap g1 删除",
		"key:热线 message.reply 7",
		"审计员 伪造一行 audit.export  全部",
	}
	if diff := cmp.Diff(want, trail(t, s)); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
	head, err := s.VerifyAudit(ctx)
	if err != nil || head != s.AuditHead() || head.Seq != uint64(len(want)) {
		t.Errorf("verified to %v, %v; the log ends at %v", head, err, s.AuditHead())
	}
	var back []uint64
	for e, err := range s.AuditBefore(4) {
		must(err)
		back = append(back, e.Seq)
	}
	if diff := cmp.Diff([]uint64{3, 2, 1}, back); diff != "" {
		t.Errorf("backwards (-want +got):\n%s", diff)
	}
	mustCheck(t, s)
}

func TestNobodyWritesWithoutSayingWho(t *testing.T) {
	s := open(t, t.TempDir())
	importAll(t, s, guide("A", "甲"))
	ctx, before := t.Context(), s.AuditHead()
	if _, err := s.SaveDraft(ctx, "编辑", Edit{Record: guide("B", "乙"), Base: s.Edition()}); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() error{
		"Append": func() error { _, err := s.Append(ctx, "", Fact{Type: "x"}); return err },
		"Import": func() error {
			_, err := s.Import(ctx, []File{{"f", rows(guide("C", "丙"))}}, ImportOptions{})
			return err
		},
		"Rollback":  func() error { _, err := s.Rollback(ctx, " ", 0, ""); return err },
		"Remove":    func() error { _, err := s.Remove(ctx, "", "", []corpus.Key{key("A")}); return err },
		"SaveDraft": func() error { _, err := s.SaveDraft(ctx, "", Edit{Record: guide("A", "甲"), Base: 1}); return err },
		"DropDraft": func() error { return s.DropDraft(ctx, "\t", DraftRef{key("B"), 1}) },
		"PublishDrafts": func() error {
			_, err := s.PublishDrafts(ctx, Publication{Drafts: []DraftRef{{key("B"), 1}}})
			return err
		},
		"SubmitDrafts": func() error { return s.SubmitDrafts(ctx, " ", []DraftRef{{key("B"), 1}}) },
		"DropBatch":    func() error { return s.DropBatch(ctx, "", "一批") },
		"AddUser":      func() error { return s.AddUser(ctx, "", "li", []string{"editor"}, goodPassword) },
		"SetPassword":  func() error { return s.SetPassword(ctx, "", "li", goodPassword) },
		"SetRoles":     func() error { return s.SetRoles(ctx, "", "li", []string{"editor"}) },
		"DisableUser":  func() error { return s.DisableUser(ctx, "", "li") },
		"PutDoc":       func() error { return s.PutDoc(ctx, "", "gap", "1", put("x")) },
		"Audit":        func() error { return s.Audit(ctx, "", "login", "", "") },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, ErrNoActor) {
			t.Errorf("%s: %v, want ErrNoActor", name, err)
		}
	}
	if now := s.AuditHead(); now.Seq != before.Seq+1 || s.Edition() != 1 {
		t.Errorf("audit log at %v, edition %d: something was written", now, s.Edition())
	}
}

func TestAuditLogProvesWhatAKeptHeadSays(t *testing.T) {
	s := open(t, t.TempDir())
	for _, who := range []string{"甲", "乙", "丙"} {
		if err := s.Audit(t.Context(), who, "login", "", ""); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := ParseAuditHead(s.AuditHead().String())
	if err != nil {
		t.Fatal(err)
	}
	forged := AuditHead{2, kept.Hash}
	for _, row := range []struct {
		what string
		kept []AuditHead
		want error
	}{
		{"none is kept", nil, nil},
		{"the end is as kept", []AuditHead{kept}, nil},
		{"the log goes on", []AuditHead{kept, kept}, nil},
		{"an entry is another than the kept", []AuditHead{forged}, ErrDamaged},
		{"two kept ones contradict", []AuditHead{forged, {2, strings.Repeat("0", 64)}}, ErrDamaged},
		{"the log is shorter than kept", []AuditHead{{9, kept.Hash}}, ErrDamaged},
	} {
		if _, err := s.VerifyAudit(t.Context(), row.kept...); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.what, err, row.want)
		}
	}
	for _, bad := range []string{"", "3", "3:", "x:" + kept.Hash, "0:" + kept.Hash, "3:" + kept.Hash[1:]} {
		if _, err := ParseAuditHead(bad); !errors.Is(err, ErrBadHead) {
			t.Errorf("head %q: %v", bad, err)
		}
	}
}

// TestAuditLogCutOffBetweenTwoRuns takes away the end, or rewrites it, with
// badger itself while govqa does not run.
func TestAuditLogCutOffBetweenTwoRuns(t *testing.T) {
	for _, row := range []struct {
		what string
		hurt func(s *Store) error
	}{
		{"the end is cut off", func(s *Store) error { return s.plant(auditKey(3), nil) }},
		{"the end is another", func(s *Store) error {
			return s.db.Update(func(txn *badger.Txn) error { return forge(txn, 3, "hash") })
		}},
	} {
		dir := t.TempDir()
		s := filled(t, dir)
		head, err := os.ReadFile(filepath.Join(dir, headName))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(row.hurt(s), s.Close()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, headName), head, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{Reserve: -1}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "审计记录") {
			t.Errorf("%s: opened with %v", row.what, err)
		}
	}
}

func TestAuditTextCannotForgeLines(t *testing.T) {
	for _, row := range []struct{ in, want string }{
		{"平常的话", "平常的话"},
		{"两\r\n行", "两  行"},
		{"坏\xff字节", "坏�字节"},
		{"翻\u202e转", "翻 转"},
		{strings.Repeat("长", 100), strings.Repeat("长", 85-1) + "…"},
	} {
		if got := auditText(row.in, 256); got != row.want {
			t.Errorf("%q becomes %q, want %q", row.in, got, row.want)
		}
	}
}

func TestDocs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ctx := t.Context()
	for i := range 5 {
		if err := s.PutDoc(ctx, "编辑", "gap", strconv.Itoa(i), put("v"+strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PutDoc(ctx, "编辑", "gap-else", "0", put("other")); err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if err := s.PutDoc(ctx, "编辑", "gap", "1", func(old []byte) ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("an error of the change: %v", err)
	}
	page, err := s.Docs("gap", "1", 2)
	if diff := cmp.Diff([]Doc{{"2", []byte("v2")}, {"3", []byte("v3")}}, page); diff != "" || err != nil {
		t.Errorf("a page, %v (-want +got):\n%s", err, diff)
	}
	if v, err := s.Doc("gap", "9"); v != nil || err != nil {
		t.Errorf("a document that is not there: %q, %v", v, err)
	}
	for _, row := range []struct{ kind, id string }{{"", "1"}, {"Gap", "1"}, {"a/b", "1"}, {"gap", ""}, {"gap", "a\x00b"}, {"gap", "\xff"}, {"gap", strings.Repeat("x", 513)}} {
		if err := s.PutDoc(ctx, "编辑", row.kind, row.id, put("x")); !errors.Is(err, ErrBadDoc) {
			t.Errorf("kind %q, id %q: %v", row.kind, row.id, err)
		}
	}
	if err := s.PutDoc(ctx, "编辑", "gap", "big", func([]byte) ([]byte, error) { return make([]byte, MaxDoc+1), nil }); !errors.Is(err, ErrBadDoc) {
		t.Errorf("a document that is too long: %v", err)
	}
	if err := s.PutDoc(ctx, "编辑", "gap", "big", func([]byte) ([]byte, error) { return make([]byte, MaxDoc), nil }); err != nil {
		t.Errorf("the longest document: %v", err)
	}
	mustCheck(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if v, err := open(t, dir).Doc("gap", "3"); string(v) != "v3" || err != nil {
		t.Errorf("after opening again: %q, %v", v, err)
	}
}

// TestDocsChangeOneAfterTheOther counts up by many at once.
func TestDocsChangeOneAfterTheOther(t *testing.T) {
	s := open(t, t.TempDir())
	var wg sync.WaitGroup
	const workers, each = 8, 20
	for range workers {
		wg.Go(func() {
			for range each {
				if err := s.PutDoc(context.Background(), "编辑", "gap", "n", func(old []byte) ([]byte, error) {
					n, err := strconv.Atoi("0" + string(old))
					return strconv.AppendInt(nil, int64(n+1), 10), err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if v, err := s.Doc("gap", "n"); string(v) != strconv.Itoa(workers*each) || err != nil {
		t.Errorf("counted to %q, %v", v, err)
	}
	if n := len(trail(t, s)); n != workers*each {
		t.Errorf("%d entries in the audit log", n)
	}
}

// TestAFolderOfLayout1IsTakenOver opens what the layout before left: accounts
// of one role, a witness without an audit log.
func TestAFolderOfLayout1IsTakenOver(t *testing.T) {
	dir := t.TempDir()
	s := filled(t, dir)
	old := []byte(`{"name":"li","role":"reviewer","password":{"salt":"AA==","hash":"AA=="}}`)
	err := errors.Join(s.plant([]byte(layoutKey), []byte("1")), s.plant(userKey("li"), old))
	for seq := range uint64(3) {
		err = errors.Join(err, s.plant(auditKey(seq+1), nil))
	}
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	body := "00000000000000000002 00000000000000000003"
	if err := os.WriteFile(filepath.Join(dir, headName), []byte(body+" "+checkSum(body)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	u, err := s.User("li")
	if err != nil || !slices.Equal(u.Roles, []string{"reviewer"}) {
		t.Errorf("account %+v, %v", u, err)
	}
	if err := s.SetRoles(t.Context(), "root", "li", []string{"reviewer", "editor"}); err != nil {
		t.Fatal(err)
	}
	if u, err = s.User("li"); err != nil || !slices.Equal(u.Roles, []string{"editor", "reviewer"}) {
		t.Errorf("account %+v, %v", u, err)
	}
	if layout, err := s.get([]byte(layoutKey)); string(layout) != "2" || err != nil {
		t.Errorf("layout %q, %v", layout, err)
	}
	mustCheck(t, s)
	// The witness of layout 1 still tells of what was lost.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	body = "00000000000000000002 00000000000000000009"
	if err := os.WriteFile(filepath.Join(dir, headName), []byte(body+" "+checkSum(body)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Reserve: -1}); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened with %v", err)
	}
}

func BenchmarkAudit(b *testing.B) {
	s := open(b, b.TempDir())
	b.Run("one writer", func(b *testing.B) {
		for b.Loop() {
			if err := s.Audit(bg(), "小李", "login", "password", "10.0.0.1"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("64 writers", func(b *testing.B) {
		b.SetParallelism(64)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := s.Audit(bg(), "小李", "login", "password", "10.0.0.1"); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.VerifyAudit(bg()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(s.AuditHead().Seq)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	})
}
