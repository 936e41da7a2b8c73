# Short names for what .ci/run and people do all day.

GO       ?= go
LINTER   := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
SEEDS    ?= 2000
EVERY    ?= 100

.PHONY: all build test race ranked lint house sim crash-sweep catalogue chaos compat bench fuzz clean

all: build lint test

build: ## one static binary, ./quorumd
	CGO_ENABLED=0 $(GO) build -trimpath -o quorumd ./cmd/quorumd

test:
	$(GO) test ./...

race:
	$(GO) test -race ./...

ranked: ## locks that panic when they are taken out of order or held over I/O
	$(GO) test -tags ranked -timeout 10m ./internal/ranked ./server/... ./znode

lint: house
	$(GO) vet ./...
	$(GO) run $(LINTER) run ./...

house: ## the house rules alone: import edges, the core's rules, sizes
	$(GO) test ./internal/lint

sim: ## make sim SEEDS=10000
	$(GO) run ./cmd/quorumd sim --seeds $(SEEDS)

crash-sweep: ## a crash at one in EVERY points of the scenarios; 1 takes long
	$(GO) run ./cmd/quorumd sim --crash-sweep --every $(EVERY)

catalogue: ## the known bugs: their tests pass, and fail with the bug put in
	$(GO) run ./test/catalogue/cmd

chaos: ## faults on real processes, ten minutes; root on Linux
	$(GO) run ./test/chaos/cmd -duration 10m

compat: ## the clients of other languages against a fresh ensemble
	$(GO) test -count=1 ./test/clients/...

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target for a short time each
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime 10s $$pkg || exit 1; \
	  done; \
	done

clean:
	rm -f quorumd
