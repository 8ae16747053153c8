package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govqa/govqa/api/webhook"
	"github.com/govqa/govqa/corpus/store"
)

// newQueue makes the queue of a store's webhooks.
func (cfg config) newQueue(s *store.Store, o webhook.Options) (*webhook.Queue, error) {
	guard, err := webhook.NewGuard(cfg.WebhookHosts, cfg.WebhookNetworks)
	if err != nil {
		return nil, fmt.Errorf("%w：webhook_networks：%w", errConfig, err)
	}
	o.Guard, o.Agent = guard, "govqa/"+version()
	return webhook.New(s, o), nil
}

// A webhookJob is one command about webhooks; it is also the control socket's
// request.
type webhookJob struct {
	Verb     string           `json:"verb"`
	Actor    string           `json:"actor"`
	Name     string           `json:"name,omitempty"`
	Endpoint webhook.Endpoint `json:"endpoint,omitzero"` // to add
	Seqs     []uint64         `json:"seqs,omitempty"`    // of dead letters
}

// A webhookReply is what a command tells.
type webhookReply struct {
	Endpoint webhook.Endpoint `json:"endpoint,omitzero"` // with its secret, after add and rotate
	List     []webhook.Status `json:"list,omitempty"`
	Dead     []webhook.Dead   `json:"dead,omitempty"`
	N        int              `json:"n,omitempty"`
}

// do does the job on a queue.
func (j *webhookJob) do(ctx context.Context, q *webhook.Queue) (r webhookReply, err error) {
	switch j.Verb {
	case "list":
		r.List, err = q.List()
	case "add":
		r.Endpoint, err = q.Add(ctx, j.Actor, j.Endpoint)
	case "remove":
		err = q.Remove(ctx, j.Actor, j.Name)
	case "rotate":
		r.Endpoint, err = q.Rotate(ctx, j.Actor, j.Name)
	case "resume":
		err = q.Resume(ctx, j.Actor, j.Name)
	case "test":
		err = q.Test(ctx, j.Name)
	case "dead":
		r.Dead, err = q.Dead(j.Name)
	case "replay":
		r.N, err = q.Replay(ctx, j.Actor, j.Name, j.Seqs...)
	default:
		err = fmt.Errorf("没有动作 %q", j.Verb)
	}
	return r, err
}

// webhooks is the control socket's side.
func (ctl *control) webhooks(w http.ResponseWriter, r *http.Request) {
	var job webhookJob
	ctl.answer(w, r, &job, func() (any, error) { return job.do(r.Context(), ctl.app.webhooks) })
}

// runWebhook does a job through the server that has the folder, or by itself.
func runWebhook(ctx context.Context, c *call, job webhookJob) (webhookReply, error) {
	job.Actor = actor()
	var reply webhookReply
	served, err := viaControl(ctx, c.data, "/webhooks", job, &reply)
	if err != nil || served {
		return reply, err
	}
	cfg, err := loadConfig(c.values.config, os.LookupEnv)
	if err != nil {
		return reply, err
	}
	s, err := openExisting(c)
	if err != nil {
		return reply, err
	}
	q, err := cfg.newQueue(s, webhook.Options{})
	if err == nil {
		reply, err = job.do(ctx, q)
	}
	return reply, errors.Join(err, s.Close())
}

// webhookVerb makes the command of a job that names one endpoint and tells
// nothing but that it is done.
func webhookVerb(verb, done string) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		if len(c.args) != 1 {
			return errUsage
		}
		if _, err := runWebhook(ctx, c, webhookJob{Verb: verb, Name: c.args[0]}); err != nil {
			return err
		}
		_, err := fmt.Fprintf(c.out, "%s：%s\n", c.args[0], done)
		return err
	}
}

func webhookList(ctx context.Context, c *call) error {
	if len(c.args) > 0 {
		return errUsage
	}
	r, err := runWebhook(ctx, c, webhookJob{Verb: "list"})
	if err != nil {
		return err
	}
	if c.values.json {
		return json.NewEncoder(c.out).Encode(append([]webhook.Status{}, r.List...))
	}
	for i := range r.List {
		s := &r.List[i]
		fmt.Fprintf(c.out, "%s  %s\n  事件：%s\n  已送达 %d，待处理的日志 %d 条，死信 %d\n", s.Name, s.URL,
			cmp.Or(strings.Join(s.Events, "、"), "全部"), s.Delivered, s.Behind, s.Dead)
		switch {
		case s.Stopped != "":
			fmt.Fprintf(c.out, "  已停止：%s（webhook resume %s 恢复）\n", s.Stopped, s.Name)
		case s.Error != "":
			fmt.Fprintf(c.out, "  连续失败 %d 次：%s；下次 %s\n", s.Failures, plain(s.Error), s.RetryAt.Local().Format(time.DateTime))
		}
	}
	_, err = fmt.Fprintf(c.out, "共 %d 个\n", len(r.List))
	return err
}

func webhookAdd(ctx context.Context, c *call) error {
	if len(c.args) != 1 {
		return errUsage
	}
	e := webhook.Endpoint{Name: c.values.name, URL: c.args[0]}
	if c.values.events != "" {
		e.Events = strings.FieldsFunc(c.values.events, func(r rune) bool { return r == ',' || r == ' ' })
	}
	if c.values.sm3 {
		e.Algorithm = webhook.SM3
	}
	r, err := runWebhook(ctx, c, webhookJob{Verb: "add", Endpoint: e})
	if err != nil {
		return err
	}
	return printSecret(c, r.Endpoint, "已添加")
}

func webhookRotate(ctx context.Context, c *call) error {
	if len(c.args) != 1 {
		return errUsage
	}
	r, err := runWebhook(ctx, c, webhookJob{Verb: "rotate", Name: c.args[0]})
	if err != nil {
		return err
	}
	return printSecret(c, r.Endpoint, "已更换密钥，旧密钥还会同时签名到 "+r.Endpoint.Until.Local().Format(time.DateTime))
}

func printSecret(c *call, e webhook.Endpoint, what string) error {
	_, err := fmt.Fprintf(c.out, "%s：%s\n密钥（只显示这一次，签名算法 %s）：\n%s\n", e.Name, what, e.Algorithm, e.Secret)
	return err
}

func webhookDead(ctx context.Context, c *call) error {
	if len(c.args) > 1 {
		return errUsage
	}
	r, err := runWebhook(ctx, c, webhookJob{Verb: "dead", Name: strings.Join(c.args, "")})
	if err != nil {
		return err
	}
	if c.values.json {
		return json.NewEncoder(c.out).Encode(append([]webhook.Dead{}, r.Dead...))
	}
	for _, d := range r.Dead {
		again := ""
		if d.Again {
			again = "（等待重发）"
		}
		fmt.Fprintf(c.out, "%s %d  %s  %s  %s%s\n  %s\n", d.Endpoint, d.Seq, d.Event, d.ID, d.Time.Local().Format(time.DateTime), again, plain(d.Error))
	}
	_, err = fmt.Fprintf(c.out, "共 %d 封\n", len(r.Dead))
	return err
}

func webhookReplay(ctx context.Context, c *call) error {
	if len(c.args) == 0 {
		return errUsage
	}
	job := webhookJob{Verb: "replay", Name: c.args[0]}
	for _, text := range c.args[1:] {
		seq, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q 不是死信的序号", text)
		}
		job.Seqs = append(job.Seqs, seq)
	}
	slices.Sort(job.Seqs)
	r, err := runWebhook(ctx, c, job)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s：%d 封死信将重新发送\n", job.Name, r.N)
	return err
}

// webhookCommands are the commands about webhooks.
func webhookCommands() []command {
	asJSON := func(fs *flag.FlagSet, c *call) { fs.BoolVar(&c.values.json, "json", false, "输出一个 JSON 数组") }
	config := func(fs *flag.FlagSet, c *call) {
		fs.StringVar(&c.values.config, "config", "", "配置文件（TOML），服务没有运行时用它的 webhook_hosts、webhook_networks")
	}
	return []command{
		{name: "webhook list", short: "列出接收事件通知的地址", run: webhookList, flags: asJSON,
			long: "列出各接收地址：订阅的事件、已送达和待处理的数目、死信、最近的错误。服务运行时经由服务读取。"},
		{name: "webhook add", args: "网址", short: "添加一个接收事件通知的地址", run: webhookAdd,
			long: "添加接收地址，打印签名密钥（只显示这一次）。从现在起发生的事件才会发送。事件：\n" + strings.Join(webhook.EventNames(), "、") + "。",
			flags: func(fs *flag.FlagSet, c *call) {
				config(fs, c)
				fs.StringVar(&c.values.name, "name", "", "名称：小写字母、数字和 -（默认取自主机名）")
				fs.StringVar(&c.values.events, "events", "", "只要这些事件，以逗号分隔（默认全部）")
				fs.BoolVar(&c.values.sm3, "sm3", false, "用国密 HMAC-SM3 签名，而不是 HMAC-SHA-256")
			}},
		{name: "webhook remove", args: "名称", short: "删除一个接收地址", run: webhookVerb("remove", "已删除"),
			long: "删除接收地址，连同它的队列和死信。"},
		{name: "webhook rotate", args: "名称", short: "更换签名密钥", run: webhookRotate,
			long: "更换签名密钥并打印新密钥。一天之内新旧密钥同时签名，接收方有时间换上新的。"},
		{name: "webhook resume", args: "名称", short: "恢复发送", run: webhookVerb("resume", "已恢复发送"),
			long: "恢复因接收方答复 410 而停止的发送；对连不上的接收方则立即再试，不等下一次。"},
		{name: "webhook test", args: "名称", short: "立即发送一个测试事件", run: webhookVerb("test", "接收方已收下测试事件"), flags: config,
			long: "立即发送一个 webhook.test 事件，不进队列、不重试，并说明结果。"},
		{name: "webhook dead", args: "[名称]", short: "列出死信", run: webhookDead, flags: asJSON,
			long: "列出接收方多次拒收、或七天之内都送不到的事件。"},
		{name: "webhook replay", args: "名称 [序号…]", short: "重新发送死信", run: webhookReplay,
			long: "重新发送一个接收地址的死信；不写序号就是全部。事件编号与原来相同，接收方据此去重。"},
	}
}
