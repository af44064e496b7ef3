# R 4.2.2: Rscript fisher.R > fisher.csv: fisher.test and chisq.test of random tables, counts row by row
set.seed(3)
rows <- list()
for (i in 1:24) {
  r <- sample(2:4, 1); k <- sample(2:4, 1)
  m <- matrix(rpois(r * k, sample(c(1, 3, 6), 1)), r, k)
  if (any(rowSums(m) == 0) || any(colSums(m) == 0)) next
  rows[[length(rows) + 1]] <- data.frame(r, k, counts = paste(t(m), collapse = " "),
    fisher = fisher.test(m, workspace = 2e7)$p.value, chisq = suppressWarnings(chisq.test(m)$p.value))
}
write.csv(format(do.call(rbind, rows), digits = 17, trim = TRUE), row.names = FALSE, quote = FALSE)
