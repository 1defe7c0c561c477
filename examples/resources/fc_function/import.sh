terraform import fc_function.hello hello
