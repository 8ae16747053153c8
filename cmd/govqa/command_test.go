package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
)

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"help"}, {"-h"}, {"--help"}} {
		r := govqa(t, args...)
		if r.code != exitOK || r.err != "" {
			t.Errorf("govqa %v: exit code %d, standard error %q", args, r.code, r.err)
		}
		for _, cmd := range commands() {
			want(t, r.out, []string{cmd.name, cmd.short})
		}
	}
	for _, cmd := range commands() {
		r := govqa(t, append(strings.Fields(cmd.name), "-h")...)
		if r.code != exitOK {
			t.Errorf("govqa %s -h: exit code %d", cmd.name, r.code)
		}
		want(t, r.err, []string{"用法：govqa " + cmd.name, cmd.long, "-data"})
	}
}

func TestBadUsage(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, row := range []struct {
		name string
		args []string
		says string
	}{
		{"a command that does not exist", []string{"improt", "a.jsonl"}, "govqa: improt: 没有这个命令"},
		{"half of a command", []string{"user"}, "govqa: user: 没有这个命令"},
		{"a flag that does not exist", []string{"ask", "-loud", "护照"}, "-loud"},
		{"a flag of another command", []string{"export", "-dry-run", "a"}, "-dry-run"},
		{"a flag without its value", []string{"check", "-data"}, "-data"},
		{"import of nothing", []string{"import"}, "用法：govqa import"},
		{"export to nowhere", []string{"export"}, "用法：govqa export"},
		{"export to two files", []string{"export", "a", "b"}, "用法：govqa export"},
		{"backup to nowhere", []string{"backup"}, "用法：govqa backup"},
		{"restore from nothing", []string{"restore"}, "用法：govqa restore"},
		{"ask without a question", []string{"ask"}, "用法：govqa ask"},
		{"check with an argument", []string{"check", "data"}, "用法：govqa check"},
		{"serve with an argument", []string{"serve", "8080"}, "用法：govqa serve"},
		{"eval retrieval without a folder", []string{"eval", "retrieval"}, "用法：govqa eval retrieval"},
		{"eval questions without a folder", []string{"eval", "questions"}, "用法：govqa eval questions"},
		{"user add without a name", []string{"user", "add"}, "用法：govqa user add"},
		{"user list with a name", []string{"user", "list", "zhang"}, "用法：govqa user list"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := govqa(t, row.args...)
			if r.code != exitUsage || r.out != "" {
				t.Errorf("exit code %d, standard output %q", r.code, r.out)
			}
			want(t, r.err, []string{row.says})
		})
	}
	if left := tree(t, dir); len(left) > 0 {
		t.Errorf("%d files were made", len(left))
	}
}

// answerKeys are the keys of an answer by the contract.
var answerKeys = []string{"actions", "aspect", "confidence", "edition", "elapsedMs", "facts", "generatedBy", "id", "matters",
	"notices", "options", "outcome", "recommendations", "state", "text"}

func TestAsk(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	want(t, must(t, "ask", "-data", data, "居住证怎么办"), []string{"居住证申领", "来源：https://", "内置示例数据"})

	out := must(t, "ask", "-json", "-data", data, "办居住证", "要多久")
	var keys map[string]json.RawMessage
	var a answer.Answer
	if err := json.Unmarshal([]byte(out), &keys); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		t.Fatal(err)
	}
	for _, k := range answerKeys {
		if _, ok := keys[k]; !ok {
			t.Errorf("no key %q in %s", k, out)
		}
	}
	if a.Outcome != answer.Answered || a.Aspect != "time_limit" || len(a.Matters) == 0 || a.Matters[0].Code != "AL-JZ-002" || a.Edition != 1 {
		t.Errorf("answer %s", out)
	}
	for k, raw := range keys {
		if string(raw) == "null" {
			t.Errorf("key %q is null", k)
		}
	}

	want(t, fails(t, "ask", "-data", data, "   ").err, []string{"govqa: ask: 问题应为 1 至 300 个字"})
	want(t, fails(t, "ask", "-data", data, strings.Repeat("问", 301)).err, []string{"1 至 300 个字"})
	must(t, "ask", "-data", data, strings.Repeat("问", 300))
}

func TestAskOfAFolderOfOnesOwn(t *testing.T) {
	t.Parallel()
	want(t, must(t, "ask", "-data", imported(t), "食品经营许可证电话"), []string{"020-11112222"}, "示例数据")
}

// beir makes a folder in the BEIR layout: two questions whose document is
// found first, and one whose document shares nothing with it.
func beir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "qrels"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"corpus.jsonl": `{"_id":"d1","title":"食品经营许可证核发","text":"餐饮店开业前申请。"}
{"_id":"d2","title":"护照首次申领","text":"出国前向出入境管理机构申请。"}
{"_id":"d3","title":"公租房租金补贴","text":"无房家庭申请。"}
`,
		"queries.jsonl": `{"_id":"q1","text":"食品经营许可证核发"}
{"_id":"q2","text":"护照首次申领"}
{"_id":"q3","text":"zzz"}
{"_id":"q4","text":"没有评判的问题"}
`,
		"qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\nq3\td3\t1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestEvalRetrieval(t *testing.T) {
	t.Parallel()
	dir, runFile := beir(t), filepath.Join(t.TempDir(), "run")
	var got map[string]any
	if err := json.Unmarshal([]byte(must(t, "eval", "retrieval", "-json", "-run", runFile, dir)), &got); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"docs/s", "ms p50", "ms p99"} {
		if v, ok := got[k].(float64); !ok || v <= 0 {
			t.Errorf("%q is %v, want a number above 0", k, got[k])
		}
	}
	want := map[string]any{"n": 3.0, "docs": 3.0}
	for _, k := range []string{"R@1", "R@5", "R@10", "R@100", "MRR@10", "nDCG@10"} {
		want[k] = 2. / 3
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%q is %v, want %v", k, got[k], v)
		}
	}
	first := map[string]string{}
	for l := range strings.Lines(read(t, runFile)) {
		var q, q0, doc, tag string
		var rank int
		var score float64
		if _, err := fmt.Sscanf(l, "%s %s %s %d %f %s", &q, &q0, &doc, &rank, &score, &tag); err != nil || q0 != "Q0" {
			t.Fatalf("line %q of the run: %v", l, err)
		}
		if rank == 1 {
			first[q] = doc
		}
	}
	if diff := cmp.Diff(map[string]string{"q1": "d1", "q2": "d2"}, first); diff != "" {
		t.Errorf("first of the run (-want +got):\n%s", diff)
	}
}

func TestEvalRetrievalOfWhatIsNoFolder(t *testing.T) {
	t.Parallel()
	fails(t, "eval", "retrieval", t.TempDir())
}

func TestEvalQuestions(t *testing.T) {
	t.Parallel()
	data, dir := imported(t), t.TempDir()
	for name, text := range map[string]string{
		"questions.jsonl": `{"id":"1","text":"护照首次申领","kind":"matter","relevant":["T-2"],"style":"formal"}
{"id":"2","text":"食品经营许可证要多久","kind":"aspect","relevant":["T-1"],"answer":["8个工作日"],"style":"formal"}
{"id":"3","text":"食品经营许可证要多久","kind":"aspect","relevant":["T-1"],"answer":["9个工作日"],"style":"short"}
{"id":"4","text":"食品经营许可证","kind":"matter","relevant":["T-3"],"style":"short"}
`,
		"dialogs.jsonl": `{"id":"5","turns":[{"text":"食品经营许可证要多久","relevant":["T-1"],"answer":["8个工作日"]},{"text":"那电话呢","relevant":["T-1"],"answer":["020-11112222"]}]}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(must(t, "eval", "questions", "-json", "-data", data, dir)), &got); err != nil {
		t.Fatal(err)
	}
	wanted := map[string]any{"matter.hit1": .5, "matter.hit3": got["matter.hit3"], "aspect.hit1": 1., "aspect.hit3": 1., "aspect.exact": .5,
		"false_refusal": 0., "dialog.turn": 1., "dialog.first": 1., "dialog.later": 1., "by style": map[string]any{"formal": 1., "short": .5},
		"n": got["n"], "ms p50": got["ms p50"], "ms p99": got["ms p99"]}
	for _, k := range []string{"matter.mrr", "aspect.mrr", "aspect.read", "answered.right", "by theme", "by writer", "by aspect", "by pattern",
		"confusion", "calibration", "calibration.error"} {
		if _, ok := got[k]; !ok {
			t.Errorf("no figure %q", k)
		}
		delete(got, k)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	if n := got["n"].(map[string]any); n["matter.hit1"] != 2. || n["dialog.turn"] != 2. {
		t.Errorf("n is %v", n)
	}
	want(t, must(t, "eval", "questions", "-table", "-data", data, dir), []string{"| 看什么 |", "| 问某一项：事项对，答案里有指南的原话 | 2 | 50.0% |"})
	want(t, fails(t, "eval", "questions", "-data", data, t.TempDir()).err, []string{"govqa: eval questions: "})
}

// user runs a user command in a process of its own, which reads the password
// from standard input.
func user(t *testing.T, input string, args ...string) ran {
	t.Helper()
	cmd := child(t, "govqa", nil, append([]string{"user"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	_ = cmd.Run() // the exit code says it
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	long := "一共有超过十五个字符的密码短语 2026\n"
	for _, row := range []struct {
		name, input string
		args        []string
		code        int
		says        string
	}{
		{"an account is added", long, []string{"add", "-role", "reviewer", "zhang"}, exitOK, "已添加账号 zhang（reviewer）"},
		{"the role is editor if none is named", long, []string{"add", "wang"}, exitOK, "已添加账号 wang（editor）"},
		{"nobody is added twice", long, []string{"add", "zhang"}, exitFailed, "govqa: user add: "},
		{"a short password is refused", "12345678\n", []string{"add", "li"}, exitFailed, "账号信息无效"},
		{"no password is refused", "", []string{"add", "li"}, exitFailed, "密码"},
		{"a role that does not exist is refused", long, []string{"add", "-role", "king", "li"}, exitFailed, "账号信息无效"},
		{"a password is changed", "另一个超过十五个字符的密码短语 2027\n", []string{"passwd", "zhang"}, exitOK, "已修改账号 zhang 的密码"},
		{"a stranger's password is not", long, []string{"passwd", "li"}, exitFailed, "没有这个账号"},
		{"an account gets several roles", "", []string{"roles", "-role", "reviewer,publisher", "zhang"}, exitOK, "已修改账号 zhang 的角色（reviewer、publisher）"},
		{"an account does not get a role that is none", "", []string{"roles", "-role", "king", "zhang"}, exitFailed, "账号信息无效"},
		{"an account cannot be without roles", "", []string{"roles", "zhang"}, exitFailed, "至少要有一个角色"},
		{"a second factor is taken away", "", []string{"second", "zhang"}, exitOK, "已关闭账号 zhang 的两步验证"},
		{"a common password is refused", "password1password1\n", []string{"add", "li"}, exitFailed, "太容易猜到"},
		{"an account is opened again", "", []string{"enable", "wang"}, exitOK, "已启用账号 wang"},
		{"an account is closed", "", []string{"disable", "zhang"}, exitOK, "已停用账号 zhang"},
		{"a stranger's account is not", "", []string{"disable", "li"}, exitFailed, "没有这个账号"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := user(t, row.input, append(slices.Clone(row.args), "-data", data)...)
			if r.code != row.code {
				t.Errorf("exit code %d, want %d", r.code, row.code)
			}
			want(t, r.out+r.err, []string{row.says}, "密码短语")
		})
	}
	lines := strings.Split(must(t, "user", "list", "-data", data), "\n")
	states := map[string]string{}
	for _, l := range lines[1:] {
		if f := strings.Fields(l); len(f) > 3 {
			states[f[0]] = f[1] + " " + f[2]
		}
	}
	if diff := cmp.Diff(map[string]string{"zhang": "reviewer、publisher 停用", "wang": "editor 启用"}, states); diff != "" {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	for name, b := range tree(t, data) {
		if strings.Contains(b, "密码短语") {
			t.Errorf("%s holds a password", name)
		}
	}
}

func TestUsersOfAFolderThatIsNotThere(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "没有")
	for _, args := range [][]string{{"list"}, {"passwd", "zhang"}, {"disable", "zhang"}} {
		want(t, fails(t, slices.Concat([]string{"user"}, args, []string{"-data", data})...).err, []string{data, "没有数据"})
	}
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("the folder is there: %v", err)
	}
}

func TestConfig(t *testing.T) {
	defaults := config{Addr: "127.0.0.1:8080"}
	set := func(change func(*config)) config {
		c := defaults
		change(&c)
		return c
	}
	for _, row := range []struct {
		name, file string
		env        map[string]string
		want       config
		fault      []string // that the error names
	}{
		{name: "nothing is said", want: defaults},
		{name: "the file speaks", file: "addr = \"0.0.0.0:80\"\nask_timeout = \"3s\"\ntrusted_proxies = [\"10.0.0.0/8\"]\nmetrics_public = true",
			want: config{Addr: "0.0.0.0:80", AskTimeout: 3e9, TrustedProxies: []string{"10.0.0.0/8"}, MetricsPublic: true}},
		{name: "the environment goes before the file", file: "max_asks = 3\ntitle = \"甲\"",
			env: map[string]string{"GOVQA_MAX_ASKS": "7", "GOVQA_ALLOWED_ORIGINS": "https://a.example, https://b.example"},
			want: set(func(c *config) {
				c.MaxAsks, c.Title, c.AllowedOrigins = 7, "甲", []string{"https://a.example", "https://b.example"}
			})},
		{name: "an empty address is no address", file: "addr = \"\"", env: map[string]string{"GOVQA_ADDR": ""}, want: defaults},
		{name: "a negative number has a meaning", env: map[string]string{"GOVQA_ASKS_PER_MINUTE": "-1"}, want: set(func(c *config) { c.AsksPerMinute = -1 })},
		{name: "a key is misspelt", file: "adr = \"x\"", fault: []string{"配置无效", "adr"}},
		{name: "the file is no TOML", file: "addr: x", fault: []string{"配置无效"}},
		{name: "a value of the file is of another type", file: "max_asks = \"many\"", fault: []string{"配置无效", "max_asks"}},
		{name: "a duration of the file is none", file: "ask_timeout = \"5\"", fault: []string{"配置无效", "不是时长", "5s"}},
		{name: "a number of the environment is none", env: map[string]string{"GOVQA_MAX_ASKS": "many"}, fault: []string{"GOVQA_MAX_ASKS", "不是整数"}},
		{name: "a switch of the environment is none", env: map[string]string{"GOVQA_METRICS_PUBLIC": "ja"}, fault: []string{"GOVQA_METRICS_PUBLIC", "不是 true 或 false"}},
		{name: "two variables are wrong", env: map[string]string{"GOVQA_MAX_ASKS": "x", "GOVQA_ASK_TIMEOUT": "y"}, fault: []string{"GOVQA_MAX_ASKS", "GOVQA_ASK_TIMEOUT"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := ""
			if row.file != "" {
				path = write(t, "govqa.toml", row.file)
			}
			got, err := loadConfig(path, func(name string) (string, bool) { v, ok := row.env[name]; return v, ok })
			if row.fault == nil {
				if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
				return
			}
			if err == nil {
				t.Fatalf("no error, but %+v", got)
			}
			want(t, err.Error(), row.fault)
		})
	}
}

func TestServeWithABadConfig(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	want(t, fails(t, "serve", "-data", data, "-config", filepath.Join(t.TempDir(), "没有.toml")).err, []string{"配置无效", "没有.toml"})
	path := write(t, "govqa.toml", `addr = "127.0.0.1:0"`, `adr = "x"`)
	want(t, fails(t, "serve", "-data", data, "-config", path).err, []string{"govqa: serve: 配置无效", path, "adr"})
	if made := slices.Sorted(maps.Keys(tree(t, filepath.Dir(data)))); len(made) > 0 {
		t.Errorf("a server that did not start made %v", made)
	}
	rules := write(t, "rules-own.tsv", "fire\t3\t走水了", "fire\t9\t天火")
	want(t, fails(t, "serve", "-data", data, "-config", write(t, "govqa.toml", fmt.Sprintf("guard_dir = %q", filepath.Dir(rules)))).err,
		[]string{"配置无效", "guard_dir", "rules-own.tsv:2"})
	want(t, fails(t, "serve", "-data", data, "-config", write(t, "govqa.toml", fmt.Sprintf("guard_dir = %q", rules))).err, []string{"guard_dir", "不是文件夹"})
}
