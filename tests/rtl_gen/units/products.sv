// Every product of every pair of widths up to 8 bits against the operator; prints how many differ, of how many.
module products;
  int differ = 0, all = 0;
  for (genvar m = 1; m <= 8; m++) begin : a_bits
    for (genvar n = 1; n <= 8; n++) begin : b_bits
      logic signed [m-1:0] a;
      logic signed [n-1:0] b;
      logic signed [m+n-1:0] out, expected;
      product #(
          .A_BITS(m),
          .B_BITS(n)
      ) product_i (
          .a,
          .b,
          .out
      );
      initial begin
        for (int i = 0; i < (1 << m); i++) begin
          for (int j = 0; j < (1 << n); j++) begin
            a = m'(i);
            b = n'(j);
            expected = (m + n)'(a) * (m + n)'(b);
            #1;
            all = all + 1;
            if (out !== expected) differ = differ + 1;
          end
        end
      end
    end
  end
  initial begin
    #100000;
    $display("%0d of %0d differ", differ, all);
  end
endmodule
