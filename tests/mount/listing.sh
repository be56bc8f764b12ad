#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Listing a directory while others change it: what stays is seen exactly once, and
# positions told earlier stay good.
. "${srcdir:-.}/tests/mount/common.sh"

new_store s
mount_store s
m=$work/s

# perl FILE: the functions that the listings below share, then the program.
run() {
	perl -we '
		use strict;
		our ($place) = @ARGV;
		# Names that stay, as often as they were seen; dies unless that is once each.
		sub check {
			my ($seen, $count, $what) = @_;
			for my $i (0 .. $count - 1) {
				my $times = $seen->{"stays-$i"} || 0;
				$times == 1 or die "$what: stays-$i seen $times times\n";
			}
		}
		sub make { open my $file, ">", "$place/$_[0]" or die "$_[0]: $!\n" }
	'"$1" "$m/d" || fail "listing"
}

section "while others make, rename and remove"
mkdir "$m/d"
# shellcheck disable=SC2016
run '
	make("stays-$_"), make("goes-$_") for 0 .. 3999;
	my @children;
	for my $child (0 .. 1) {
		my $pid = fork;
		if ($pid == 0) {
			for (my $i = $child; ; $i += 2) {
				my $old = "goes-" . $i % 4000;
				unlink "$place/$old" or make($old);
				make("new-$i");
				rename "$place/new-$i", "$place/goes-" . ($i * 7 + $child) % 4000;
			}
		}
		push @children, $pid;
	}
	for my $round (1 .. 15) {
		my %seen;
		opendir my $dir, $place or die;
		while (defined(my $name = readdir $dir)) {
			$seen{$name}++;
		}
		check(\%seen, 4000, "round $round");
	}
	kill KILL => @children;
	waitpid $_, 0 for @children;
'

section "telldir and seekdir"
# shellcheck disable=SC2016
run '
	opendir my $dir, $place or die;
	my (@names, @positions);
	while (1) {
		my $position = telldir $dir;
		my $name = readdir $dir;
		last if !defined $name;
		push @names, $name;
		push @positions, $position;
	}
	# Half of those that may go are gone.
	for (grep { /^(goes|new)-.*[02468]$/ } @names) { unlink "$place/$_" or die }
	my $seed = 1;
	for my $try (1 .. 500) {
		$seed = ($seed * 1103515245 + 12345) % 2147483648;
		my $at = $seed % @names;
		seekdir $dir, $positions[$at];
		my $wanted = $at;
		$wanted++ while $wanted < @names && $names[$wanted] =~ /^(goes|new)-.*[02468]$/;
		my $name = readdir $dir;
		next if $wanted == @names && !defined $name;
		# Those that went since may still be told of.
		grep { $name eq $_ } @names[$at .. $wanted] or die "at $at: $name, not $names[$wanted]\n";
	}
	rewinddir $dir;
	my %seen;
	$seen{$_}++ while defined($_ = readdir $dir);
	check(\%seen, 4000, "after rewinddir");
'

section "removing what is read, behind many that stay"
# shellcheck disable=SC2016
run '
	make("goes-$_") for 0 .. 3999;
	opendir my $dir, $place or die;
	my %seen;
	while (defined(my $name = readdir $dir)) {
		$seen{$name}++;
		unlink "$place/$name" or die if $name =~ /^(goes|new)/;
	}
	check(\%seen, 4000, "removing");
	$seen{"goes-$_"} == 1 or die "goes-$_\n" for 0 .. 3999;
'
expect_same "$(find "$m/d" -type f | wc -l)" 4000
remount s
expect_same "$(find "$m/d" -name 'stays-*' | wc -l)" 4000
rm -r "$m/d"
unmount s
