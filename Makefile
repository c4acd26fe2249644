# Limn: set-up, build, tests, installation. `make help` lists the targets.

# Used by `make run`. Handed over through the environment, so that it may hold any character.
PROMPT ?= a red apple
# Where `make install` puts bin/limn and share/limn; DESTDIR goes in front, for packagers.
PREFIX ?= /usr/local
# More flags for `make bench`, such as BENCH_FLAGS="--repeat 5 --threads 1".
BENCH_FLAGS ?=
# More flags for `make compare`, such as COMPARE_FLAGS=--quick.
COMPARE_FLAGS ?=
# How many damaged files `make fuzz` reads.
FUZZ_RUNS ?= 1000000
# How long `make fuzz-program` runs the program on damaged files, and more flags for it, such as
# FUZZ_FLAGS="--first 1234 --runs 1".
FUZZ_SECONDS ?= 3600
FUZZ_FLAGS ?=
# Minutes that `make train` may spend in training, and where its checkpoints are. More flags: TRAIN_FLAGS.
MINUTES ?= 60
TRAINING ?= training
TRAIN_FLAGS ?=
# What `make evaluate` measures, and more flags for it, such as EVALUATE_FLAGS=--quick.
EVALUATED ?= $(TRAINING)/export
EVALUATE_FLAGS ?=

LIMN := .build/release/limn
# Tests run in release mode, so that kernels work at speed. They look inside modules (@testable), which takes other
# compiler flags; a folder of their own keeps the two builds from undoing each other.
TEST := swift test -c release --disable-xctest
tests := .build-tests
bin := $(DESTDIR)$(PREFIX)/bin
share := $(DESTDIR)$(PREFIX)/share
formatted := Sources Tests Package.swift

unexport PROMPT
export LIMN_RUN_PROMPT := $(value PROMPT)

.PHONY: build
build: setup ## build the program (.build/release/limn)
	swift build -c release --product limn --static-swift-stdlib

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: build ## draw a picture: PROMPT="a red apple" make run
	@file=$$($(LIMN) --prompt "$$LIMN_RUN_PROMPT" --output output.png) && \
	echo "The picture is in $$PWD/$$file"

.PHONY: test
test: setup ## run all tests (built in .build-tests)
	$(TEST) --scratch-path $(tests)

.PHONY: test-cpus
test-cpus: setup ## run the tests with each set of kernels and each of OpenBLAS's cores, into a table (slow)
	@Tools/test_cpus.sh

.PHONY: test-neon
test-neon: ## check the kernels for ARM under emulation (qemu)
	@[ "$$(uname -m)" = aarch64 ] || Tools/setup.sh libc6-dev-arm64-cross gcc-aarch64-linux-gnu qemu-user
	Tests/NEON/run.sh

# The address sanitizer wants terabytes of address space, which two tests forbid; the thread sanitizer is slow, so it
# gets the rooms that use threads. Swift has no sanitizer of undefined behaviour here; for C, a trap ends the run.
.PHONY: test-all
test-all: test test-cpus test-neon ## run the tests as on other CPUs, and under the sanitizers (slow)
	@echo "== sanitizer: address" && ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
		$(TEST) --sanitize address --scratch-path .build-address --skip 'hugeSizesAreAnErrorNotAKill|aLackOfMemoryIsCalledThat'
	@echo "== sanitizer: undefined behaviour in C" && $(TEST) -Xcc -fsanitize=undefined \
		-Xcc -fsanitize-trap=undefined --scratch-path .build-undefined --filter 'TensorsTests|ModelsTests'
	@echo "== sanitizer: thread" && TSAN_OPTIONS=allocator_may_return_null=1 \
		$(TEST) --sanitize thread --scratch-path .build-thread --filter 'TensorsTests|ModelsTests|LimnTests'

.PHONY: fuzz
fuzz: setup ## damage files at random and read them: FUZZ_RUNS=1000000
	LIMN_FUZZ_RUNS=$(FUZZ_RUNS) $(TEST) --scratch-path $(tests) --filter FuzzTests

.PHONY: fuzz-program
fuzz-program: build ## run the program on damaged models, LoRAs, embeddings, pictures, prompts: FUZZ_SECONDS=3600
	python3 Tools/fuzz/program.py $(LIMN) --seconds $(FUZZ_SECONDS) $(FUZZ_FLAGS)

.PHONY: bench
bench: build ## time the networks on random weights
	$(LIMN) bench sd15 $(BENCH_FLAGS)
	$(LIMN) bench icons-128 $(BENCH_FLAGS)

.PHONY: compare
compare: build ## time OpenVINO and PyTorch beside limn, into docs/performance.md (15 minutes; downloads both)
	python3 Benchmarks/compare/compare.py $(COMPARE_FLAGS)

.PHONY: fixtures
fixtures: .venv/installed ## make the tests' reference data anew with diffusers (downloads PyTorch)
	@Tools/setup.sh libfribidi0 fonts-noto-color-emoji unicode-data unicode-cldr-core
	.venv/bin/python Tools/reference/make_fixtures.py

.venv/installed: Tools/reference/requirements.txt
	@Tools/setup.sh python3 python3-venv
	test -d .venv || python3 -m venv .venv
	.venv/bin/pip install --quiet -r $<
	@touch $@

.PHONY: train
train: .venv/training ## train the default model, or go on with it: MINUTES=60 TRAINING=training
	.venv/bin/python Tools/train/train.py all --minutes $(MINUTES) --folder "$(TRAINING)" \
		--target "$(TRAINING)/export" $(TRAIN_FLAGS)

.PHONY: evaluate
evaluate: build .venv/training ## measure a trained model through limn: EVALUATED=training/export
	.venv/bin/python Tools/train/evaluate.py "$(EVALUATED)" --limn $(LIMN) $(EVALUATE_FLAGS)

.venv/training: Tools/train/requirements.txt
	@Tools/setup.sh python3 python3-venv libfribidi0 fonts-noto-color-emoji unicode-data unicode-cldr-core
	test -d .venv || python3 -m venv .venv
	.venv/bin/pip install --quiet -r $<
	@touch $@

.PHONY: format
format: ## format the Swift sources in place
	swift format --in-place --recursive $(formatted)

.PHONY: lint
lint: ## check the formatting
	swift format lint --strict --recursive $(formatted)

# Builds only if nothing was built, so that `make && sudo make install` leaves no files of root's in the clone.
.PHONY: install
install: $(LIMN) ## install the program and its model: PREFIX=/usr/local
	install -d "$(bin)" "$(share)/limn/weights"
	install -m 755 $(LIMN) "$(bin)/limn"
	rm -rf "$(share)/limn/weights/icons-128" "$(share)/limn/weights/clip-tokenizer"
	cp -RP weights/icons-128 weights/clip-tokenizer "$(share)/limn/weights/"
	chmod -R u=rwX,go=rX "$(share)/limn"
	install -d "$(share)/bash-completion/completions" "$(share)/zsh/site-functions" \
		"$(share)/fish/vendor_completions.d"
	$(LIMN) --generate-completion-script bash > "$(share)/bash-completion/completions/limn"
	$(LIMN) --generate-completion-script zsh > "$(share)/zsh/site-functions/_limn"
	$(LIMN) --generate-completion-script fish > "$(share)/fish/vendor_completions.d/limn.fish"

$(LIMN):
	$(MAKE) build

.PHONY: uninstall
uninstall: ## remove what `make install` installed
	rm -f "$(bin)/limn" "$(share)/bash-completion/completions/limn" "$(share)/zsh/site-functions/_limn" \
		"$(share)/fish/vendor_completions.d/limn.fish"
	rm -rf "$(share)/limn"

.PHONY: clean
clean: ## remove what was built
	rm -rf .build .build-*

.PHONY: setup
setup: ## install the Debian packages that are missing
	@Tools/setup.sh
