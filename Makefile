# 常用命令；`make` 列出全部。

GO       ?= go
DATA     ?= ./data
ADDR     ?= 127.0.0.1:8080
SHARED   ?= ../shared
FUZZTIME ?= 60s
BENCH    ?= .
PKG      ?= ./...
STREAMS  ?= 500
HOLD     ?= 5m

# Packages with tests that the race detector slows tenfold: they are run whole
# without it, and with it but for those tests.
SLOW    = ./answer/eval ./answer/ground ./answer/llm ./api/... ./cmd/... ./corpus/...
LINT    = $(GO) tool -modfile=tools/go.mod golangci-lint
TABLES  = corpus/divisions.tsv nlp/t2s.tsv nlp/s2t.tsv
JIEBA   = $$($(GO) list -m -f '{{.Dir}}' github.com/yanyiwu/gojieba)/deps/cppjieba/dict
SHA256  = $$(command -v sha256sum || echo shasum -a 256)
# Where ./... would also walk into folders that hold data.
GOFILES = $$(find . -name '*.go' -not -path './bin/*' -not -path './data/*' -not -path './.git/*')

.DEFAULT_GOAL := help
.PHONY: help need build run test check fmt vet lint floors verify-tables tables dict fuzz bench streams eval golden release clean

help: ## 列出全部命令
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

need: # says plainly what the machine lacks
	@command -v $(GO) >/dev/null || { \
	  echo '缺少 Go 1.26 或更新版本：从 https://go.dev/dl/ 下载，解压到 /usr/local/go，并把 /usr/local/go/bin 加入 PATH' >&2; exit 1; }
	@$(GO) list -m >/dev/null || { \
	  echo "Go 版本太旧或无法取得所需版本：现为 $$($(GO) env GOVERSION 2>/dev/null)，需要 1.26 或更新版本，见 https://go.dev/dl/" >&2; exit 1; }
	@command -v "$$($(GO) env CXX | cut -d' ' -f1)" >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || { \
	  echo '缺少 C++ 编译器（分词库 gojieba 需要）。安装其一：' >&2; \
	  echo '  Debian、Ubuntu：sudo apt-get install g++' >&2; \
	  echo '  Fedora、openEuler：sudo dnf install gcc-c++' >&2; \
	  echo '  Alpine：sudo apk add g++' >&2; \
	  echo '  macOS：xcode-select --install' >&2; exit 1; }

build: need ## 编译到 ./bin/govqa
	$(GO) build -trimpath -o bin/govqa ./cmd/govqa

run: build ## 编译并启动服务（DATA=数据目录 ADDR=监听地址）
	./bin/govqa serve -data $(DATA) -addr $(ADDR)

test: need ## 全部测试，含竞态检查（与 CI 相同）
	$(GO) vet ./...
	$(GO) test -timeout 15m $(SLOW) # browsers, judged questions, kills, times
	$(GO) test -race -short -timeout 15m $$($(GO) list ./... | grep -vE '/(answer/eval|api/quality|cmd/govqa)$$')
	$(GO) test -race -run '^TestServe$$' ./cmd/govqa # all parts wired together
	@command -v npm >/dev/null || { \
	  echo '注意：没有找到 npm，用现成的聊天软件和智能体连接服务的测试已跳过（tools/clients）。安装后再运行 make test：'; \
	  echo '  Debian、Ubuntu：sudo apt-get install npm'; \
	  echo '  macOS：brew install node'; }
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  echo '注意：没有找到浏览器，网页测试已跳过。安装后再运行 make test：'; \
	  echo '  Debian、Ubuntu：sudo apt-get install chromium fonts-noto-cjk'; \
	  echo '  macOS：brew install --cask chromium'; }
	@[ -n "$$(ls -d "$${XDG_CACHE_HOME:-$$HOME/.cache}"/govqa/axe-core-*.tgz "$$HOME"/Library/Caches/govqa/axe-core-*.tgz 2>/dev/null)" ] || \
	  echo '注意：没有取到 axe-core，网页的无障碍测试已跳过。让本机能访问 registry.npmjs.org 后再运行 make test，见 docs/pages.md'

check: need fmt vet lint floors verify-tables ## 格式、vet、lint、楼层规则、数据表校验

fmt:
	@out=$$(gofmt -l $(GOFILES)) && [ -z "$$out" ] || { echo "以下文件未经 gofmt 整理：" >&2; echo "$$out" >&2; exit 1; }

vet: need
	$(GO) vet ./...

lint: need ## golangci-lint（版本固定在 tools/go.mod，首次运行要编译几分钟）
	$(LINT) run ./...

floors: need
	$(GO) test -count=1 .

verify-tables: # generated tables are as make tables left them
	@$(SHA256) -c tools/tables.sha256 || { \
	  echo '生成的数据表被手工改过：请改生成程序，再运行 make tables' >&2; exit 1; }

tables: need ## 重新生成行政区划表和繁简对照表（需要 npm 和网络）
	$(GO) generate ./corpus/ ./nlp/
	$(SHA256) $(TABLES) > tools/tables.sha256

dict: need ## 从 gojieba 模块复制词典到 nlp/jieba/dict
	gzip -9nc "$(JIEBA)/jieba.dict.utf8" > nlp/jieba/dict/jieba.dict.utf8.gz
	gzip -9nc "$(JIEBA)/hmm_model.utf8" > nlp/jieba/dict/hmm_model.utf8.gz

fuzz: need ## 逐个运行模糊测试（FUZZTIME=60s PKG=./...）
	@set -e; for p in $$($(GO) list $(PKG)); do \
	  names=$$($(GO) test -list '^Fuzz' $$p) || { echo "$$names" >&2; exit 1; }; \
	  for f in $$(echo "$$names" | grep '^Fuzz' || true); do \
	    echo "== $$p $$f"; \
	    $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; \
	  done; \
	done

bench: need ## 性能测试（BENCH=名称 PKG=包）
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PKG)

streams: need ## 500 个事件流各开五分钟，量每个流占的内存（STREAMS=个数 HOLD=时长）
	GOVQA_TEST_STREAMS=$(STREAMS) GOVQA_TEST_HOLD=$(HOLD) $(GO) test ./cmd/govqa -count=1 -timeout 30m -run TestHeldStreams -v

eval: build ## 用自己的评判题和 ../shared 的评测集打分（没有则说明）
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	echo '== questions of the sample city'; ./bin/govqa eval questions -table -data "$$dir" answer/eval/testdata/judged
	@if [ ! -d $(SHARED)/eval ]; then echo '没有 $(SHARED)/eval，无法评测；用 SHARED=目录 指定'; exit 0; fi; \
	set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	for qrels in $(SHARED)/eval/*/qrels/test.tsv; do \
	  set_=$$(dirname "$$(dirname "$$qrels")"); \
	  echo "== retrieval $$set_"; ./bin/govqa eval retrieval -data "$$dir" "$$set_"; \
	done; \
	echo '== questions'; \
	./bin/govqa import -data "$$dir" $(SHARED)/data/guangdong/guides.jsonl; \
	./bin/govqa eval questions -data "$$dir" $(SHARED)/eval/questions; \
	for events in $(SHARED)/eval/recommend/*.tsv; do \
	  echo "== recommend $$events"; ./bin/govqa eval recommend -data "$$dir" "$$events"; \
	done

golden: need ## 重写标准答案文件（testdata），之后用 git diff 审阅
	@set -e; dirs=$$(grep -rlE 'flag\.Bool\("update"' --include='*_test.go' . | xargs -r -n1 dirname | sort -u); \
	if [ -z "$$dirs" ]; then echo '没有定义 -update 的测试'; exit 0; fi; \
	for d in $$dirs; do echo "== $$d"; $(GO) test -count=1 $$d -update; done

release: need ## 发布版到 ./dist：linux amd64 和 arm64 的静态程序、镜像、物料清单、校验和（需要 g++-aarch64-linux-gnu）
	tools/release.sh

clean: ## 删除 ./bin（不动数据）
	rm -rf bin
