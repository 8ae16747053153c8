// Command govqa answers citizens' questions about government service matters
// and recommends the matters that they need next. `govqa` alone lists its
// commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Exit codes of the contract.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errUsage means that a command was called wrongly; its help has been shown.
var errUsage = errors.New("usage")

// A command is one subcommand.
type command struct {
	name  string
	args  string // after the flags
	short string
	long  string
	run   func(ctx context.Context, c *call) error
	flags func(fs *flag.FlagSet, c *call)
}

// A call is one run of a command: its flags, arguments and streams.
type call struct {
	data   string
	args   []string
	out    io.Writer
	err    io.Writer
	flags  *flag.FlagSet
	values values
}

// values holds the flags of all commands; each sets its own.
type values struct {
	addr, config, format, run  string
	dryRun, skipRejected, json bool
	rebuild, table             bool
	role, agency, heads        string
	all                        bool
	penalty                    float64
	url                        string
	operators                  int
	keys                       float64
	length                     time.Duration
	ablate, untitled           bool
	k                          int
	repeats, prequential       bool
	raw, hash                  bool
	name, events               string
	sm3, wecom, push           bool
}

func main() {
	os.Exit(runUntilSignal(os.Args[1:]))
}

// runUntilSignal runs the command line of this process, whose context ends
// with the first signal.
func runUntilSignal(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args, os.Stdout, os.Stderr)
}

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		help(stdout)
		return exitOK
	}
	cmd, rest := find(args)
	if cmd == nil {
		fmt.Fprintf(stderr, "govqa: %s: 没有这个命令；运行 govqa 查看全部命令\n", args[0])
		return exitUsage
	}
	c := &call{out: stdout, err: stderr}
	c.flags = flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	c.flags.SetOutput(stderr)
	c.flags.StringVar(&c.data, "data", "./data", "数据目录")
	if cmd.flags != nil {
		cmd.flags(c.flags, c)
	}
	c.flags.Usage = func() { usage(c.flags, cmd) }
	positional, err := parse(c.flags, rest)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	c.args = positional
	err = cmd.run(ctx, c)
	switch {
	case errors.Is(err, errUsage):
		usage(c.flags, cmd)
		return exitUsage
	case err != nil:
		fmt.Fprintf(stderr, "govqa: %s: %s\n", cmd.name, oneLine(err))
		return exitFailed
	}
	return exitOK
}

// parse takes flags before and after the arguments.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var positional []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		args = fs.Args()
		if len(args) == 0 {
			return positional, nil
		}
		positional = append(positional, args[0])
		args = args[1:]
	}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// find returns the command that the arguments name, of one word or two.
func find(args []string) (*command, []string) {
	for _, words := range []int{2, 1} {
		if len(args) < words {
			continue
		}
		name := strings.Join(args[:words], " ")
		for _, cmd := range commands() {
			if cmd.name == name {
				return &cmd, args[words:]
			}
		}
	}
	return nil, nil
}

func help(w io.Writer) {
	fmt.Fprint(w, "govqa：政务服务智能问答与事项推荐\n\n用法：govqa 命令 [选项] [参数]\n\n")
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  %-16s %s\n", cmd.name, cmd.short)
	}
	fmt.Fprint(w, "\n每个命令都接受 -data 目录（默认 ./data）；govqa 命令 -h 查看该命令的说明。\n")
}

func usage(fs *flag.FlagSet, cmd *command) {
	w := fs.Output()
	fmt.Fprintf(w, "用法：govqa %s [选项] %s\n\n%s\n\n选项：\n", cmd.name, cmd.args, cmd.long)
	fs.PrintDefaults()
}

// commands lists every command in the order of the help.
func commands() []command {
	return slices.Concat(coreCommands(), userCommands(), webhookCommands(), wechatCommands(), []command{healthCommand()})
}

// coreCommands are the commands of the contract.
func coreCommands() []command {
	return []command{
		{name: "serve", short: "启动服务：网页与接口", run: serve,
			long: "启动服务。数据目录为空时先装入内置示例数据，因此空目录也能回答问题。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.StringVar(&c.values.addr, "addr", "", "监听地址（默认 127.0.0.1:8080）")
				fs.StringVar(&c.values.config, "config", "", "配置文件（TOML），见 docs/config.md")
			}},
		{name: "import", args: "文件…", short: "导入办事指南、常见问题、政策文件并发布一个版本", run: importFiles,
			long: "导入 JSON Lines、CSV（UTF-8、GB18030）或 XLSX 文件，全部文件合为一个版本发布。\n含有错误行的文件整个不导入；重复导入相同内容不产生新版本。服务运行时经由服务导入，立即生效。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.dryRun, "dry-run", false, "只检查并报告，不写入")
				fs.BoolVar(&c.values.skipRejected, "skip-rejected", false, "跳过错误行，导入其余各行")
				fs.StringVar(&c.values.format, "format", "", "文件格式：jsonl、csv、xlsx（默认自动识别）")
			}},
		{name: "export", args: "文件", short: "导出当前版本为 JSON Lines", run: exportFile,
			long: "导出当前版本的全部内容；文件名为 - 时写到标准输出。把导出的文件再导入，不会有任何变化。"},
		{name: "ask", args: "问题", short: "在命令行提一个问题", run: ask,
			long: "用与服务相同的引擎回答一个问题，不需要启动服务。数据目录为空时先装入示例数据。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.json, "json", false, "输出完整的 JSON 答案")
			}},
		{name: "mcp", short: "在标准输入输出上为智能体服务（MCP）", run: serveMCP,
			long: "在标准输入输出上说 Model Context Protocol，供桌面上的智能体直接启动；工具都只读，见 docs/integrations.md。\n服务运行时经由服务回答；否则自己打开数据目录，空目录先装入示例数据。日志写到标准错误。"},
		{name: "eval retrieval", args: "BEIR目录", short: "在 BEIR 格式的目录上评测检索", run: evalRetrieval,
			long: "为目录（corpus.jsonl、queries.jsonl、qrels/test.tsv）建临时索引，用正式的分词、召回和排序运行全部问题，\n输出 R@1 R@5 R@10 R@100 MRR@10 nDCG@10、建索引速度和单线程查询耗时。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.json, "json", false, "输出一个 JSON 对象")
				fs.StringVar(&c.values.run, "run", "", "把每个问题的前 100 个结果写成 TREC 运行文件")
			}},
		{name: "eval questions", args: "目录", short: "在数据目录上评测问答", run: evalQuestions,
			long: "用目录里的评判题（questions.jsonl、dialogs.jsonl、ambiguous.jsonl、outofscope.jsonl 或 special.jsonl）考问数据目录，\n输出各项指标、按文体、主题、要素等的分项、应有与实得的结果对照，以及把握与实际的校准。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.json, "json", false, "输出一个 JSON 对象")
				fs.BoolVar(&c.values.table, "table", false, "输出给人看的 Markdown 表")
				fs.StringVar(&c.values.config, "config", "", "配置文件（TOML）：用其中的向量和重排服务，看它们有没有用")
			}},
		{name: "eval desk", args: "目录", short: "逐词播放评判题，看坐席台多快推荐对", run: evalDesk,
			long: "把目录里的评判题和对话逐词讲给坐席台听，输出几个词以后对的事项排在第一、列表首位变动几次，以及各档把握的正确率。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.json, "json", false, "输出一个 JSON 对象")
			}},
		{name: "eval desk-load", args: "目录", short: "让许多坐席同时打字，量推荐要等多久", run: evalDeskLoad,
			long: "对着正在运行的服务，让许多坐席同时打目录里的评判题，量从按键到推荐更新的时间。\n" +
				"坐席的账号和密码放在环境变量 GOVQA_DESK_USER、GOVQA_DESK_PASSWORD。会留下没有办结的来电，不要对着正式的库运行。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.json, "json", false, "输出一个 JSON 对象")
				fs.StringVar(&c.values.url, "url", "http://127.0.0.1:8080", "服务的网址")
				fs.IntVar(&c.values.operators, "operators", 50, "坐席数")
				fs.Float64Var(&c.values.keys, "keys", 5, "每个坐席每秒按几个键")
				fs.DurationVar(&c.values.length, "for", 30*time.Second, "打多久")
			}},
		{name: "eval fit", args: "[数据目录=]评判题目录…", short: "用评判题拟合排序的权重", run: evalFit,
			long: "按事项分五折拟合第二段排序的权重，输出现有权重与拟合权重的指标、区间。\n" +
				"评判题目录前可写明它所问的数据目录，不写就是 -data 的目录。权重写在 index/rank.go，由人决定是否采用。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.Float64Var(&c.values.penalty, "penalty", 2, "权重的 L2 惩罚")
				fs.BoolVar(&c.values.untitled, "untitled", false, "拟合没有标题的文本的权重，目录是 BEIR 格式")
				fs.BoolVar(&c.values.ablate, "ablate", false, "逐个去掉特征再拟合（要几分钟）")
			}},
		{name: "eval recommend", args: "事件.tsv", short: "在办事经历上评测推荐", run: evalRecommend,
			long: "文件每行为：用户⇥事项⇥时间（或先后序号）。留下每个用户的最后一件，用其余的推荐，在全部事项中排名，\n输出 HR、nDCG、MRR、覆盖率（含 95% 自助区间）、按经历长短分组、各基线和单次耗时。\n参数只在倒数第二件上选择。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.json, "json", false, "输出一个 JSON 对象")
				fs.IntVar(&c.values.k, "k", 10, "推荐几个")
				fs.BoolVar(&c.values.repeats, "repeats", false, "办过的事项可以再推荐")
				fs.BoolVar(&c.values.prequential, "prequential", false, "另按时间先后边预测边学习地评测一遍")
				fs.BoolVar(&c.values.raw, "defaults", false, "不选参数，用正式服务的默认参数")
			}},
		{name: "events import", args: "文件…", short: "导入部门以往的办件记录（CSV）", run: importEvents,
			long: "导入部门以往的办件记录，作为推荐的起点。首行为列名，至少有 申请人（或 subject）、事项编码（或 matter）、时间（或 time）；\n可有 类型 type、行政区划 region、渠道 channel、办件编号 id。申请人一列应先换成化名，像证件号的会被拒绝。\n重复导入不会重复计数。服务运行时经由服务导入。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.dryRun, "dry-run", false, "只检查并报告，不写入")
				fs.BoolVar(&c.values.hash, "hash", false, "申请人一列是证件号等原始标识：先以本机密钥换成化名，原值不保存")
			}},
		{name: "backup", args: "文件", short: "备份数据（服务运行时也可以）", run: backup,
			long: "写出一份一致的完整备份，附校验和。服务正在使用数据目录时，由服务写出。"},
		{name: "restore", args: "文件", short: "从备份恢复到空的数据目录", run: restore,
			long: "把备份恢复到空的或不存在的数据目录；校验和与内容核对无误后才生效。"},
		{name: "check", short: "核对数据与索引", run: check,
			long: "核对数据目录里的每一项内容，并比较索引与数据是否一致。索引只是由数据算出的视图，可以随时重建。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.rebuild, "rebuild", false, "重建索引")
				fs.StringVar(&c.values.heads, "head", "", "以前抄下的审计存证（序号:散列），几份用逗号隔开；审计记录必须与它们相符")
			}},
		{name: "message list", short: "列出群众的留言", run: messageList,
			long: "列出还没有答复的留言，连同称呼和联系方式，先来的在前。服务运行时经由服务读取。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.all, "all", false, "答复过的也列出")
				fs.BoolVar(&c.values.json, "json", false, "输出一个 JSON 数组")
			}},
		{name: "message reply", args: "编号 答复", short: "答复一条留言", run: messageReply,
			long: "答复一条留言；留言的人凭编号和查询码看到。可以多次答复。服务运行时经由服务写入。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.StringVar(&c.values.agency, "agency", "", "答复的机构名称")
			}},
		{name: "vectors", short: "看向量和重排的进度与费用", run: vectorsShow,
			long: "问运行中的服务：向量算到哪里、用没用于检索、花了多少；重排服务可信多少、失败几次。配置见 docs/hybrid.md。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.json, "json", false, "输出一个 JSON 对象")
			}},
		{name: "vectors build", short: "在服务之外计算向量", run: vectorsBuild,
			long: "服务没有运行时，为当前版次还没有向量的内容计算向量；中断以后再运行，从断处接着算。服务运行时不需要它，服务自己在后台计算。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.StringVar(&c.values.config, "config", "", "配置文件（TOML），见 docs/hybrid.md")
				fs.BoolVar(&c.values.rebuild, "rebuild", false, "丢掉已有的向量，全部重算")
				fs.BoolVar(&c.values.json, "json", false, "输出一个 JSON 对象")
			}},
		{name: "model status", short: "看语言模型的开关", run: modelShow,
			long: "列出语言模型在各渠道（page、api、desk、compat、wechat）是开是关。服务运行时问服务。",
			flags: func(fs *flag.FlagSet, c *call) {
				fs.BoolVar(&c.values.json, "json", false, "输出一个 JSON 对象")
			}},
		{name: "model on", args: "[渠道]", short: "打开语言模型", run: modelOn,
			long: "在一个渠道打开语言模型，不写渠道就是全部。立即生效，重启后不变，记入审计。"},
		{name: "model off", args: "[渠道]", short: "关掉语言模型", run: modelOff,
			long: "在一个渠道关掉语言模型，不写渠道就是全部。立即生效，重启后不变，记入审计。"},
	}
}
